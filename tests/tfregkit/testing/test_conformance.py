"""The conformance checks pass for every component that comes with the toolkit."""

import pytest

import tfregkit
from tfregkit.testing import checks

COMPONENTS = [
    ("similarity", "mse", {}),
    ("similarity", "ncc", {"window": 5}),
    ("similarity", "ncc", {"window": 5, "form": "root"}),
    ("regularizer", "bending", {}),
    ("regularizer", "determinant", {}),
    ("regularizer", "diffusion", {}),
    ("regularizer", "kl", {"convention": "clmorph"}),
    ("regularizer", "kl", {"convention": "exact"}),
    ("regularizer", "negative_jacobian", {}),
    ("regularizer", "orthogonality", {}),
    ("regularizer", "velocity_l2", {}),
    ("encoder", "unet", {"filters": [3, 5]}),
    ("encoder", "unet", {"filters": [3, 5], "block": "cin"}),
    ("encoder", "unet", {"filters": [3, 5], "normalization": "batch", "pooled_bottom": True, "initializer": "he"}),
    ("decoder", "unet", {"filters": [5], "final": [3]}),
    ("decoder", "unet", {"filters": [5], "final": [3], "block": "cin"}),
    ("decoder", "unet", {"filters": [5, 4], "final": [], "bottom": [6, 5], "convolutions": 2, "slope": 0.0}),
    ("encoder", "unetr", {"patch_size": 4, "feature_size": 2, "hidden_size": 6, "depth": 2, "heads": 3, "mlp_size": 5}),
    ("decoder", "unetr", {"filters": [5, 3]}),
    ("stitcher", "concat", {}),
    ("stitcher", "swin", {"window": 2}),
    ("stitcher", "swin", {"window": 3, "shift": 2, "resolution": "full", "heads": 3, "mlp_ratio": 2}),
    ("stitcher", "swin", {"token": "voxel", "window": 2, "normalization": "layer"}),
    ("network", "affine", {"filters": [3, 4, 5]}),
    (
        "network",
        "affine_deformable",
        {
            "affine": {"name": "affine", "filters": [3, 4, 5]},
            "deformable": {"name": "clmorph", "encoder_filters": [3], "decoder_filters": [3], "steps": 5},
        },
    ),
    ("network", "voxelmorph", {"encoder_filters": [3, 5], "decoder_filters": [5, 4, 3]}),
    (
        "network",
        "voxelmorph",
        {"encoder_filters": [3, 5], "decoder_filters": [5, 4, 3], "conditioning": "film", "bidirectional": True},
    ),
    ("network", "voxelmorph", {"encoder_filters": [3, 5], "decoder_filters": [5, 4, 3], "conditioning": "cin"}),
    ("network", "clmorph", {"encoder_filters": [3, 4], "bottom_filters": [6, 5], "decoder_filters": [5, 3]}),
    ("network", "clmorph", {"encoder_filters": [3], "decoder_filters": [3], "steps": 5, "normalization": "instance"}),
    ("network", "pc_swinmorph", {"encoder_filters": [3, 5], "decoder_filters": [5, 4, 3], "stitcher": "concat"}),
    ("network", "pc_swinmorph", {"encoder_filters": [3], "decoder_filters": [3, 3], "stitcher": None, "steps": 5}),
    (
        "network",
        "propagative",
        {"feature_filters": [3, 2], "matching_filters": [3], "regularization_filters": [], "variational": True},
    ),
    ("strategy", "momentum", {"symmetric": True}),
    ("strategy", "unsupervised", {}),
    ("strategy", "unsupervised", {"symmetric": True}),
    ("augmentation", "affine", {}),
    ("augmentation", "bias_field", {}),
    ("augmentation", "brightness", {"foreground": True}),
    ("augmentation", "contrast", {"foreground": True}),
    ("augmentation", "elastic", {}),
    ("augmentation", "flip", {}),
    ("augmentation", "gamma", {}),
    ("augmentation", "noise", {}),
    ("augmentation", "rotate90", {"probability": 1.0}),
    ("augmentation", "smoothing", {}),
    ("metric", "assd", {}),
    ("metric", "assd", {"convention": "surfel"}),
    ("metric", "dice", {}),
    ("metric", "dice30", {}),
    ("metric", "folds", {}),
    ("metric", "hd", {}),
    ("metric", "hd95", {"convention": "surfel"}),
    ("metric", "ncc", {"window": 5}),
    ("metric", "sdlogj", {}),
    ("metric", "seam", {}),
    ("metric", "tre", {}),
]
CASES = [(component, check) for component in COMPONENTS for check in checks(component[0])]


@pytest.mark.parametrize(
    ("component", "check"), CASES, ids=lambda x: getattr(x, "__name__", None) or "-".join(map(str, x[:2]))
)
def test_conforms(component, check):
    kind, name, parameters = component
    check(tfregkit.build(kind, name, **parameters))
