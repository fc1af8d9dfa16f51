"""Labelling images with a network that was trained to: any grid in, labels on the image's own grid out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from tfregkit.data.grid import Grid, on_voxels_of
from tfregkit.data.sampling import affine_sample
from tfregkit.data.settings import NormalisationSettings
from tfregkit.data.volume import Volume, nifti_image
from tfregkit.errors import RunError
from tfregkit.inference import about
from tfregkit.inference.atlas import label_type
from tfregkit.inference.inputs import normalised, on_grid, readable
from tfregkit.inference.layout import Weights
from tfregkit.inference.segmentation import Segmentation
from tfregkit.inference.tiling import Sizes, Tiling
from tfregkit.inference.timing import timed
from tfregkit.inference.windows import SlidingWindows
from tfregkit.models.base import Network


@dataclass(eq=False)
class Segmenter:
    """A network that segments, with what it needs to be used: the spacing and the intensities it was trained with.

    Args:
        network: The trained network.
        spacing: Voxel size in mm of the working grid, one number or one for each of R, A, S.
        normalisation: How images are normalised.
        about: What the sidecars tell about the run.
        crop: The shape of the crops it was trained on, multiples of the network's stride. Smaller images are padded up
            to it, and larger ones seen by tiles of this shape, unless others are asked for. None: it saw whole images.
        whole: The shape of those whole images; smaller ones are padded up to it as they were in training, because
            what is normalised over an image depends on how much of it is empty.
    """

    network: Network
    spacing: float | tuple[float, float, float]
    normalisation: NormalisationSettings = NormalisationSettings()
    about: dict[str, Any] = field(default_factory=dict)
    crop: tuple[int, int, int] | None = None
    whole: tuple[int, int, int] = (1, 1, 1)

    def __post_init__(self) -> None:
        self._windows = SlidingWindows(self.network)

    def segment(
        self,
        image: Any,
        *,
        mask: Any = None,
        tile: Sizes | Tiling | None = None,
        tile_overlap: Sizes | None = None,
        tile_weights: Weights | None = None,
    ) -> Segmentation:
        """Label an image.

        It is put on a working grid (its field of view in RAS at the training spacing, padded to the network's stride;
        of an image with that spacing and these axes, the grid's voxels are its own, and nothing is interpolated). The
        probabilities of the classes are interpolated on the image's own grid, and each voxel gets the label of the
        most probable one; of equal ones the first.

        Args:
            image: A path or nibabel image.
            mask: A mask on the image's grid, where the run's normalisation looks at masks.
            tile: The most voxels of the working grid along an axis that the network sees at once; None: those of the
                crops it was trained on, or all. What tiles share is blended, see `Layout`.
            tile_overlap: The fewest that neighbours share, and are blended over; by default half of `tile`
                (down to a multiple of the stride).
            tile_weights: How they are blended, `linear` or `gaussian`. See `Layout`.

        Raises:
            DataError: When the image cannot be used.
            ConfigError: When the sizes make no tiles.
            RunError: When the network gives values that are not finite.
        """
        seconds: dict[str, float] = {}
        with timed(seconds, "read"):
            volume = readable(image)
        with timed(seconds, "prepare"):
            tiling, least = self.tiling(tile, tile_overlap, tile_weights), self.crop or self.whole
            grid, layout = tiling.plan(volume.grid, self.spacing, self.network.stride, least)
            grid = on_voxels_of(volume.grid, grid)
            seen = on_grid(normalised(volume, self.normalisation, mask), grid, np.eye(4))
        with timed(seconds, "network"):
            probabilities = self._windows(seen, layout)
            if not np.isfinite(probabilities).all():
                raise RunError("the network gave probabilities that are not finite. Was the run's training healthy?")
        with timed(seconds, "labels"):
            labels, probability = self._labelled(probabilities, grid, volume)
        values = self._values
        story = {
            "image": about.describe_image(volume),
            "working_grid": about.describe_grid(grid),
            "tiles": about.describe_tiles(layout),
            "structures": {name: list(known) for name, known in self.network.structures.items()},
            "labels_lost": np.setdiff1d(values[1:], np.unique(labels)).tolist(),
            "run": self.about,
            "versions": about.versions(),
        }
        images = (nifti_image(data, volume.grid, dtype=data.dtype, space=volume) for data in (labels, probability))
        return Segmentation(*images, story, seconds)

    def tiling(
        self, tile: Sizes | Tiling | None = None, overlap: Sizes | None = None, weights: Weights | None = None
    ) -> Tiling:
        """The tiles that `segment` takes for these values. Raises `ConfigError` when they make none."""
        tile = self.crop if tile is None else tile
        if overlap is None and tile is not None and not isinstance(tile, Tiling):
            stride = self.network.stride
            overlap = [int(side) // 2 // stride * stride for side in np.ravel(tile)]
        return Tiling.of(tile, overlap, weights=weights)

    def register(self, *images: Any, **options: Any) -> NoReturn:
        """A run that segments registers nothing: `RunError`."""
        raise RunError(
            f"{self.about.get('path', 'this run')}: its network segments single images and registers none. Use "
            "`tfregkit segment --model RUN IMAGE... --out-dir DIR`, or another run."
        )

    lambdas = register_each = register

    @property
    def _values(self) -> np.ndarray:
        """The label of each class, `(K,)`; a structure of several values is written as the first."""
        values = np.array([0, *(known[0] for known in self.network.structures.values())])
        return values.astype(label_type([values]))

    def _labelled(self, probabilities: np.ndarray, grid: Grid, volume: Volume) -> tuple[np.ndarray, np.ndarray]:
        """The label of each voxel of the image, and its probability; one class is interpolated at a time."""
        matrix = grid.inverse @ volume.grid.affine
        labels, best = np.zeros(volume.grid.shape, self._values.dtype), np.full(volume.grid.shape, -1.0, np.float32)
        for value, one in zip(self._values, probabilities, strict=True):
            here = affine_sample(one, matrix, volume.grid.shape, fill="edge", antialias=True)
            larger = here > best
            labels[larger], best[larger] = value, here[larger]
        return labels, best
