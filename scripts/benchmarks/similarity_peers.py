"""Public implementations of the similarities, for the benchmark: `loss(fixed, moved)` of `(1, 1, X, Y, Z)` in torch."""

from __future__ import annotations

BINS = 48


def monai_mi():
    """The same kernel and formula as ours."""
    from monai.losses import GlobalMutualInformationLoss

    loss = GlobalMutualInformationLoss(num_bins=BINS, sigma_ratio=0.5)
    return lambda fixed, moved: loss(moved, fixed)


def monai_mi_splines():
    """B-splines of order 3 and 0, as Mattes; not differentiable in the fixed image."""
    from monai.losses import GlobalMutualInformationLoss

    loss = GlobalMutualInformationLoss(kernel_type="b-spline", num_bins=BINS)
    return lambda fixed, moved: loss(moved, fixed)


def monai_mi_of_patches():
    """No package has local MI: MONAI's on a batch of patches, cut by torch."""
    import torch
    from monai.losses import GlobalMutualInformationLoss

    loss = GlobalMutualInformationLoss(num_bins=BINS, sigma_ratio=0.5)

    def patches(image):
        ends = [end for size in reversed(image.shape[2:]) for end in (0, -size % 9)]
        image = torch.nn.functional.pad(image, ends)
        for axis in (2, 3, 4):
            image = image.unfold(axis, 9, 9)
        return image.reshape(-1, 1, 9, 9, 9)

    return lambda fixed, moved: loss(patches(moved), patches(fixed))


def fireants_mi():
    from fireants.losses.mi import GlobalMutualInformationLoss

    loss = GlobalMutualInformationLoss(num_bins=BINS)
    return lambda fixed, moved: loss(moved, fixed)


def deepali_mi(normalized=False, **options):
    from deepali.losses.functional import mi_loss

    options.update(num_bins=BINS, vmin=0.0, vmax=1.0, normalized=normalized)
    return lambda fixed, moved: mi_loss(moved, fixed, **options)


def kornia_mi():
    from kornia.losses.mutual_information import mutual_information_loss_3d

    return lambda fixed, moved: mutual_information_loss_3d(moved[:, 0], fixed[:, 0], num_bins=BINS)


def kornia_nmi():
    from kornia.losses.mutual_information import normalized_mutual_information_loss_3d

    return lambda fixed, moved: normalized_mutual_information_loss_3d(moved[:, 0], fixed[:, 0], num_bins=BINS)


def convexadam_mind_ssc():
    from convexAdam.convex_adam_utils import MINDSSC

    return lambda fixed, moved: (MINDSSC(fixed, 2, 2, "cpu") - MINDSSC(moved, 2, 2, "cpu")).square().mean()


def neurite_ncc():
    import neurite

    loss = neurite.nn.modules.NCC(window_size=9)
    return lambda fixed, moved: -loss(fixed, moved)


def monai_ncc():
    from monai.losses import LocalNormalizedCrossCorrelationLoss

    loss = LocalNormalizedCrossCorrelationLoss(spatial_dims=3, kernel_size=9)
    return lambda fixed, moved: loss(moved, fixed)


def fireants_ncc():
    from fireants.losses.cc import LocalNormalizedCrossCorrelationLoss

    loss = LocalNormalizedCrossCorrelationLoss(spatial_dims=3, kernel_size=9)
    return lambda fixed, moved: loss(moved, fixed)


def deepali_ncc():
    from deepali.losses.functional import lcc_loss

    return lambda fixed, moved: lcc_loss(moved, fixed, kernel_size=9)


def torch_mse():
    from torch.nn.functional import mse_loss

    return mse_loss


def torch_mae():
    from torch.nn.functional import l1_loss

    return l1_loss


PEERS = {
    "mi": {
        "MONAI": monai_mi,
        "MONAI b-spline": monai_mi_splines,
        "FireANTs": fireants_mi,
        "deepali": deepali_mi,
        "kornia": kornia_mi,
    },
    "mi nmi": {"deepali": lambda: deepali_mi(normalized=True), "kornia": kornia_nmi},
    "mi sampled": {"deepali": lambda: deepali_mi(sample_ratio=0.1)},
    "local_mi": {"MONAI on patches": monai_mi_of_patches},
    "mind_ssc": {"convexAdam": convexadam_mind_ssc},
    "ncc": {"neurite": neurite_ncc, "MONAI": monai_ncc, "FireANTs": fireants_ncc, "deepali": deepali_ncc},
    "mse": {"torch": torch_mse},
    "mae": {"torch": torch_mae},
}
"""By case, then by name. No package that pip finds has MIND, NGF or a contrastive similarity of feature maps."""
