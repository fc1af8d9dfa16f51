"""Label maps as classes: which structure a voxel belongs to, as a number or as one map per class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops


def class_numbers(labels: Any, structures: Sequence[Sequence[int]]) -> Any:
    """The class of every voxel: k for the values of the k-th structure, from 1; 0, the background, for all others.

    Args:
        labels: Whole numbers, of any shape.
        structures: The label values of each structure; no value in two of them.

    Returns:
        int32 of the same shape.
    """
    classes = {value: number for number, values in enumerate(structures, start=1) for value in values}
    known = np.array(sorted(classes), np.int32)
    numbers = np.array([classes[value] for value in known.tolist()], np.int32)
    flat = ops.reshape(ops.cast(labels, "int32"), (-1,))
    place = ops.minimum(ops.cast(ops.searchsorted(ops.convert_to_tensor(known), flat), "int32"), len(known) - 1)
    found = ops.where(ops.take(known, place) == flat, ops.take(numbers, place), 0)
    return ops.cast(ops.reshape(found, ops.shape(labels)), "int32")


def class_maps(labels: Any, structures: Sequence[Sequence[int]]) -> Any:
    """One map of zeros and ones per class, the background first.

    Args:
        labels: `(B, X, Y[, Z], 1)`, whole numbers.
        structures: The label values of each structure.

    Returns:
        `(B, X, Y[, Z], K)` float32, K the number of structures and one; 1 in exactly one channel of each voxel.
    """
    return ops.one_hot(ops.squeeze(class_numbers(labels, structures), -1), len(structures) + 1, dtype="float32")
