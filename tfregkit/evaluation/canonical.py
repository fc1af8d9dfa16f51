"""A registered pair with its axes turned to right, anterior, superior: for pictures, and for reading voxels by eye."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

from tfregkit.evaluation.base import Case

IMAGES = ("fixed", "moving", "moved", "fixed_labels", "moving_labels", "moved_labels", "fixed_mask")


def canonical(case: Case) -> Case:
    """The same pair with array axes along R, A, S as nearly as axes can be swapped and flipped; nothing is resampled.

    Images, labels and the affine turn together; the displacement's components are permuted and change sign with their
    axes: component k of the result displaces along axis k of the result.
    """
    orientation = io_orientation(case.affine)
    turned = {
        name: apply_orientation(image, orientation) for name in IMAGES if (image := getattr(case, name)) is not None
    }
    field = apply_orientation(case.displacement, orientation)
    order = np.argsort(orientation[:, 0]).astype(int)  # input axis that becomes output axis k
    field = field[..., order] * orientation[order, 1].astype(field.dtype)
    affine = case.affine @ inv_ornt_aff(orientation, case.fixed.shape)
    return replace(case, **turned, displacement=field, affine=affine)
