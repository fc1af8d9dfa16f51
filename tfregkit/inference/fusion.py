"""Fusing two images of one anatomy into one, with a network that codes images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from keras import ops

from tfregkit.backend.loop import compiled
from tfregkit.data.grid import same_grid
from tfregkit.data.settings import NormalisationSettings
from tfregkit.data.turn import turned, turned_back
from tfregkit.data.volume import Volume, nifti_image, read_volume
from tfregkit.errors import ConfigError, DataError
from tfregkit.inference import about
from tfregkit.inference.inputs import normalised
from tfregkit.models.image_coder import ImageCoder
from tfregkit.ops.fusion import FUSION_RULES

CHUNK_VOXELS = 2**18
"""Voxels of the slices that go through the network in one call; their maps of 64 channels have 64 MB for each image."""


@dataclass(eq=False)
class Fusion:
    """A network that codes images, with the intensities it was trained with.

    Args:
        network: The trained network.
        first_normalisation: How first images are normalised: as the moving ones of training.
        second_normalisation: How second images are normalised: as the fixed ones.
        about: What sidecars tell about the run.
    """

    network: ImageCoder
    first_normalisation: NormalisationSettings = NormalisationSettings()
    second_normalisation: NormalisationSettings = NormalisationSettings()
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._compiled = {rule: compiled(self._of_rule(function)) for rule, function in FUSION_RULES.items()}

    def fuse(
        self,
        first: Any,
        second: Any,
        *,
        rule: str = "l1",
        masks: tuple[Any, Any] = (None, None),
        report: Callable[[int, int], None] | None = None,
    ) -> tuple[nib.Nifti1Image, dict[str, Any]]:
        """Encode both images, fuse their maps, decode: slice by slice, the most nearly axial ones, on their own grid.

        Args:
            first: A path or nibabel image.
            second: Another one on the same grid.
            rule: `l1`: each voxel's maps count by their share of the block-averaged l1-norms. `addition`: the sum.
            masks: Of the two images, where the run's normalisation looks at masks.
            report: Called before each part of the slices with its number, from 1, and how many there are.

        Returns:
            The fused image, float32 on the first one's grid, in the normalised intensities of training (0 to 1 with
            `minmax`, which the network may leave by a little); and what a sidecar tells.

        Raises:
            DataError: When an image cannot be used, or the two lie on different grids.
            ConfigError: For an unknown rule.
        """
        if rule not in FUSION_RULES:
            raise ConfigError(f"`rule` must be one of {', '.join(FUSION_RULES)}. Received: rule={rule!r}")
        volumes = [read_volume(source) for source in (first, second)]
        _check_grids(*volumes)
        grid = volumes[0].grid
        settings = self.first_normalisation, self.second_normalisation
        slices = [
            np.moveaxis(turned(normalised(volume, own, mask).data, grid), 2, 0)[..., None]
            for volume, own, mask in zip(volumes, settings, masks, strict=True)
        ]
        chunks = math.ceil(slices[0].size / CHUNK_VOXELS)
        chunks = min(chunks, len(slices[0]))
        parts = list(zip(*(np.array_split(image, chunks) for image in slices), strict=True))
        fused = []
        for number, pair in enumerate(parts, start=1):
            if report is not None:
                report(number, len(parts))
            tensors = [ops.convert_to_tensor(np.ascontiguousarray(part, np.float32)) for part in pair]
            fused.append(ops.convert_to_numpy(self._compiled[rule](tensors)))
        data = turned_back(np.moveaxis(np.concatenate(fused)[..., 0], 0, 2), grid)
        image = nifti_image(np.ascontiguousarray(data), grid, dtype=np.float32, space=volumes[0])
        return image, self._story(volumes, rule)

    def _of_rule(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda pair: self.network.decode_image(function([self.network.encode_image(image) for image in pair]))

    def _story(self, volumes: list[Volume], rule: str) -> dict[str, Any]:
        first, second = (about.describe_image(volume) for volume in volumes)
        normalisations = self.first_normalisation.plain(), self.second_normalisation.plain()
        return {
            "first": first,
            "second": second,
            "rule": rule,
            "intensities": dict(zip(("first", "second"), normalisations, strict=True)),
            "run": self.about,
            "versions": about.versions(),
        }


def load_fusion(run: str | Path) -> Fusion:
    """Open a trained run for fusing.

    Raises:
        RunError: When there is no such run, or it has no trained network.
        ConfigError: When its network codes no images.
    """
    from tfregkit.training.run import Run

    opened = Run.open(run)
    data, network = opened.experiment.stages[-1].data, opened.network()
    if not isinstance(network, ImageCoder):
        raise ConfigError(
            f"{run}: its network does not turn one image into maps and back, so there is nothing to fuse. Train one "
            "that does (configuration `densefuse`)."
        )
    normalisations = data.normalisation_of("moving"), data.normalisation_of("fixed")
    return Fusion(network, *normalisations, {"path": str(opened.path)})


def _check_grids(first: Volume, second: Volume) -> None:
    if not same_grid(first.grid, second.grid):
        raise DataError(
            f"{first.name} and {second.name} lie on different grids: {first.grid.describe()}; "
            f"{second.grid.describe()}. Register one to the other first (`tfregkit register --moved`)."
        )
