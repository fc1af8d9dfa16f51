"""The anatomy behind the `demo` data set: the MNI152 template and tissue maps that nilearn's package contains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

STRUCTURES = {
    "left_white_matter": 1,
    "right_white_matter": 2,
    "left_cortex": 3,
    "right_cortex": 4,
    "left_deep_grey": 5,
    "right_deep_grey": 6,
    "ventricles": 7,
}
"""Label ids of the demo's label maps. 0 is everything else."""

DEEP_MM = 25.0
"""Grey matter and fluid this far below the brain's surface count as deep grey matter and ventricles."""

CROP_MARGIN = 6
POINT_MARGIN_MM = 6.0


@dataclass(frozen=True)
class Anatomy:
    """The template in its own space (1 mm, RAS), cropped to the brain.

    t1: `(X, Y, Z)` float32 intensities in [0, 1]. brain: `(X, Y, Z)` float32 share of brain in a voxel. structures:
    `(8, X, Y, Z)` float32 share of each label. affine: voxel to RAS mm. points_mm: `(n, 3)` landmarks in RAS mm.
    """

    t1: np.ndarray
    brain: np.ndarray
    structures: np.ndarray
    affine: np.ndarray
    points_mm: np.ndarray


def load_anatomy(spacing: float, points: int) -> Anatomy:
    """The template, blurred for sampling at `spacing` mm, with structures and landmarks.

    Structures are the tissue maps' (probability above one half), divided in left and right, and by depth.
    """
    from nilearn import datasets

    template = datasets.load_mni152_template(resolution=1)
    mask = np.asarray(datasets.load_mni152_brain_mask(resolution=1).dataobj) > 0
    voxels = np.argwhere(mask)
    low = np.maximum(voxels.min(axis=0) - CROP_MARGIN, 0)
    box = tuple(slice(a, b + CROP_MARGIN + 1) for a, b in zip(low, voxels.max(axis=0), strict=True))
    affine = np.array(template.affine)
    affine[:3, 3] += low

    def cropped(image) -> np.ndarray:
        return np.asarray(image.dataobj, dtype=np.float32)[box]

    brain = mask[box]
    grey = cropped(datasets.load_mni152_gm_template(resolution=1)) > 0.5
    white = cropped(datasets.load_mni152_wm_template(resolution=1)) > 0.5
    depth = ndimage.distance_transform_edt(np.pad(brain, 1))[1:-1, 1:-1, 1:-1]
    labels = _structures(grey, white, brain, depth > DEEP_MM, affine)
    inside = np.argwhere(depth > POINT_MARGIN_MM)
    chosen = inside[np.random.default_rng(0).choice(len(inside), points, replace=False)]

    sigma = np.sqrt(max(spacing**2 - 1, 0) / 12)  # a box of `spacing` instead of 1 mm
    return Anatomy(
        t1=ndimage.gaussian_filter(np.clip(cropped(template), 0, 1) * brain, sigma),
        brain=ndimage.gaussian_filter(brain.astype(np.float32), sigma),
        structures=np.stack(
            [ndimage.gaussian_filter((labels == k).astype(np.float32), sigma) for k in range(len(STRUCTURES) + 1)]
        ),
        affine=affine,
        points_mm=chosen @ affine[:3, :3].T + affine[:3, 3],
    )


def _structures(
    grey: np.ndarray, white: np.ndarray, brain: np.ndarray, deep: np.ndarray, affine: np.ndarray
) -> np.ndarray:
    """`(X, Y, Z)` uint8 label map."""
    x_mm = affine[0, 3] + affine[0, 0] * np.arange(grey.shape[0])[:, None, None]
    labels = np.zeros(grey.shape, np.uint8)
    for side, half in (("left", x_mm < 0), ("right", x_mm >= 0)):
        labels[white & half] = STRUCTURES[f"{side}_white_matter"]
        labels[grey & half & ~deep] = STRUCTURES[f"{side}_cortex"]
        labels[grey & half & deep] = STRUCTURES[f"{side}_deep_grey"]
    labels[brain & deep & ~grey & ~white] = STRUCTURES["ventricles"]
    return labels
