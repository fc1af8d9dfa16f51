"""Parts of scans that lie on grids of their own: where they are, and how they are cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

PER_LABEL = 4096
"""How many voxels of each label are kept to centre crops on."""


def label_places(labels: np.ndarray) -> np.ndarray:
    """Voxels to centre crops on: `(N, 4)` int32, the label and its place, sorted by label.

    Every voxel of a label, or `PER_LABEL` of them; none of the background (0).
    """
    flat, found = labels.ravel(), []
    for value in np.unique(flat[flat > 0]):
        at = np.flatnonzero(flat == value)
        if len(at) > PER_LABEL:
            at = np.random.default_rng(int(value)).choice(at, PER_LABEL, replace=False)
        found.append(np.stack([np.full(len(at), value), *np.unravel_index(at, labels.shape)], axis=1))
    return np.concatenate(found).astype(np.int32) if found else np.zeros((0, 4), np.int32)


def draw_start(
    shape: Sequence[int], crop: Sequence[int], places: np.ndarray, share: float, rng: np.random.Generator
) -> np.ndarray:
    """The first voxel `(3,)` of a crop within a volume.

    With the chance `share`, and where there are labelled voxels, the crop is centred on one (as far as the volume's
    borders let it): each label of the scan is as likely, and each of its voxels. Else every place is as likely.
    """
    room = np.asarray(shape) - crop
    if rng.random() < share and len(places):
        present, first = np.unique(places[:, 0], return_index=True)
        ends = [*first[1:], len(places)]
        label = int(rng.integers(len(present)))
        centre = places[int(rng.integers(first[label], ends[label])), 1:]
        return np.clip(centre - np.asarray(crop) // 2, 0, room)
    return rng.integers(room + 1)


def cut(volume: np.ndarray, start: Sequence[int], size: Sequence[int]) -> np.ndarray:
    """The part of a volume from a voxel on; where it reaches beyond the borders, they are repeated."""
    start, stop = np.asarray(start), np.asarray(start) + size
    low, high = np.maximum(start, 0), np.minimum(stop, volume.shape)
    part = volume[tuple(map(slice, low, high))]
    beyond = np.stack([low - start, stop - high], axis=1)
    return np.pad(part, beyond, mode="edge") if beyond.any() else part


class Crops:
    """Cuts one part out of the volumes of a scan.

    Args:
        shape: Of the part.
        foreground: The share of crops of training that are centred on a labelled voxel, see `draw_start`.
        margin: By how many voxels a crop of training is larger on every side while it is augmented.
        labels: The label values to centre crops on. Default: all but the background.
    """

    def __init__(
        self, shape: Sequence[int], foreground: float, margin: int, labels: Sequence[int] | None = None
    ) -> None:
        self.shape, self.foreground, self.margin = np.asarray(shape), foreground, margin
        self.labels = None if labels is None else np.asarray(labels)

    def of_training(
        self,
        volumes: dict[str, np.ndarray],
        places: np.ndarray,
        rng: np.random.Generator,
        change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
    ) -> dict[str, np.ndarray]:
        """The part of each volume at one random place; `change` augments it with its margin."""
        start = draw_start(volumes["image"].shape, self.shape, self._wanted(places), self.foreground, rng) - self.margin
        parts = change({kind: cut(volume, start, self.shape + 2 * self.margin) for kind, volume in volumes.items()})
        return {kind: cut(part, [self.margin] * 3, self.shape) for kind, part in parts.items()}

    def of_validation(
        self, volumes: dict[str, np.ndarray], places: np.ndarray, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """The part about a labelled voxel, or anywhere if there is none."""
        start = draw_start(volumes["image"].shape, self.shape, self._wanted(places), 1.0, rng)
        return {kind: cut(volume, start, self.shape) for kind, volume in volumes.items()}

    def _wanted(self, places: np.ndarray) -> np.ndarray:
        return places if self.labels is None else places[np.isin(places[:, 0], self.labels)]
