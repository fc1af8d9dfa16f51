"""Voxels of each class of a label map, drawn near the class's boundary. NumPy: for the threads that load batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

UNUSED = -1
"""The class of a place that holds no voxel, and of voxels without a label."""


def boundary_distance(mask: np.ndarray) -> np.ndarray:
    """D, how many voxels each voxel of a mask lies from the nearest one outside of it: 1 at the border, 0 outside.

    The image's own border is none: the class may go on beyond it. Infinite where the mask has no outside.
    """
    if mask.all():
        return np.full(mask.shape, np.inf)
    return ndimage.distance_transform_edt(mask)


def boundary_weights(distance: np.ndarray, mu: float = 8.0, epsilon: float = 0.05) -> np.ndarray:
    """`W = sqrt(D) exp(-D / mu) / 2 + epsilon`: most at `D = mu / 2`, `epsilon` far inside.

    Args:
        distance: D, in voxels.
        mu: How fast it falls.
        epsilon: What is left of it.

    Reference: Li et al. 2022 (MixCL), eq. 7.
    """
    near = np.where(np.isfinite(distance), distance, 0.0)  # sqrt(0) is the limit
    return 0.5 * np.sqrt(near) * np.exp(-near / mu) + epsilon


def draw_class_points(
    label_maps: Sequence[np.ndarray],
    *,
    budget: int,
    classes: int,
    rng: np.random.Generator,
    mu: float = 8.0,
    epsilon: float = 0.05,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Up to `budget` voxels of each of up to `classes` classes in two images.

    The background is one of the classes; of the others those come first that are in both images, in random order.
    Voxels of a class are drawn without replacement, each next one with a probability proportional to W; all of them
    where there are fewer. Two images that have no structure in common get none, since nothing could be drawn together.

    Args:
        label_maps: Two maps `(X, Y[, Z])` of whole numbers: 0 the background, negative numbers no label.
        budget: r.
        classes: At least 2.
        rng: Where randomness comes from.
        mu: Of W.
        epsilon: Of W.

    Returns:
        For each image the voxels' indices `(N, 2 or 3)` and classes `(N,)`, int32, `N = budget * classes`; places
        without a voxel come last, with class -1 and index 0.

    Reference: Li et al. 2022 (MixCL), section 2.3, "Pixel Sampling"; the order of the classes is ours.
    """
    boxes = [ndimage.find_objects(np.maximum(labels.astype(np.int32), UNUSED) + 1) for labels in label_maps]
    present = [{number for number, box in enumerate(found) if box is not None} for found in boxes]
    chosen = _chosen(present, classes, rng)
    drawn = []
    for labels, found in zip(label_maps, boxes, strict=True):
        points = np.zeros((budget * classes, labels.ndim), np.int32)
        numbers = np.full(budget * classes, UNUSED, np.int32)
        filled = 0
        for number in chosen:
            if number >= len(found) or found[number] is None:
                continue
            picked = _points(labels, number, found[number], budget, rng, mu, epsilon)
            points[filled : filled + len(picked)] = picked
            numbers[filled : filled + len(picked)] = number
            filled += len(picked)
        drawn.append((points, numbers))
    return drawn


def _chosen(present: Sequence[set[int]], classes: int, rng: np.random.Generator) -> list[int]:
    first, second = (found - {0} for found in present)
    shared, single = sorted(first & second), sorted(first ^ second)
    if not shared:
        return []
    return [0, *rng.permutation(shared).tolist(), *rng.permutation(single).tolist()][:classes]


def _points(
    labels: np.ndarray,
    number: int,
    box: tuple[slice, ...],
    budget: int,
    rng: np.random.Generator,
    mu: float,
    epsilon: float,
) -> np.ndarray:
    """Indices `(n, N)` of a class's voxels, n at most the budget.

    Distances are those within the class's box and one voxel around it: the nearest voxel outside the class is there.
    """
    box = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
    mask = labels[box] == number
    inside = np.flatnonzero(mask)
    if len(inside) > budget:
        weights = boundary_weights(boundary_distance(mask), mu, epsilon).ravel()[inside]
        inside = rng.choice(inside, budget, replace=False, p=weights / weights.sum())
    within = np.stack(np.unravel_index(inside, mask.shape), axis=-1)
    return within + np.array([side.start for side in box])
