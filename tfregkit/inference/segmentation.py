"""Labelling an image by registering labelled atlases to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import nibabel as nib
import numpy as np

from tfregkit.data.volume import Volume, nifti_image, save_image
from tfregkit.errors import DataError
from tfregkit.files import write_json
from tfregkit.inference import about
from tfregkit.inference.atlas import Atlas, label_type
from tfregkit.inference.inputs import readable
from tfregkit.inference.local_weights import local_weights
from tfregkit.inference.result import Result
from tfregkit.inference.timing import timed
from tfregkit.inference.transform import look_up
from tfregkit.inference.voting import vote
from tfregkit.inference.warps import sidecar_path

if TYPE_CHECKING:
    from tfregkit.inference.registration import Registration

OTHER = {"moving": "fixed", "fixed": "moving"}
OWN = ("affine_start_ras_mm", "working_grid", "deformation", "tiles")
SHARED = ("run", "versions", "affine_optimised", "refine_steps", "lambda", "lambda_from")


@dataclass(eq=False)
class Segmentation:
    """A labelled image.

    Args:
        labels: The labels on the image's own grid.
        votes: The share of the atlases' votes that each label got, in (0, 1], or its probability by a network that
            segments, on the same grid.
        about: What the sidecar tells: the image, the atlases and how they were registered, the run, versions.
        seconds: How long each part took, all atlases together.
    """

    labels: nib.Nifti1Image
    votes: nib.Nifti1Image
    about: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def save(self, labels: str | Path, votes: str | Path | None = None) -> None:
        """Write the labels with their JSON sidecar, and the votes where asked; each file whole or not at all."""
        save_image(self.labels, labels)
        write_json(sidecar_path(labels), self.about)
        if votes is not None:
            save_image(self.votes, votes)


def segment(
    registration: Registration,
    image: Any,
    atlases: Sequence[Atlas | tuple[Any, Any]],
    *,
    atlas_role: Literal["moving", "fixed"] = "moving",
    weights: Literal["equal", "similarity"] = "equal",
    mask: Any = None,
    report: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Segmentation:
    """Register every atlas to an image, carry its labels over, and let the atlases vote.

    Each label map is resampled once, nearest neighbour, through the whole transform, onto the image's own grid; where
    an atlas has no values it votes for 0.

    Args:
        registration: The run.
        image: A path or nibabel image.
        atlases: `Atlas`es, or pairs of an image and its label map (paths or nibabel images).
        atlas_role: `moving`: each atlas is registered to the image, and the warp carries its labels. `fixed`: the image
            is registered to each atlas, and the inverse warp does; for runs whose fixed images were always the atlas,
            or of the atlas' modality.
        weights: `equal`: majority vote. `similarity`: an atlas' vote weighs as much as it looks like the image there,
            see `local_weights`. Of labels with equal support the lowest wins.
        mask: A mask on the image's grid, where the run's normalisation looks at masks.
        report: Called before each registration with the atlas' number, from 1, and how many there are.
        **options: `lam` (one), `init`, `affine`, `refine`, `tile`, `tile_overlap`, `stitcher`, `progress`, as
            `Registration.register` takes them.

    Raises:
        DataError: When an image cannot be used, does not overlap with an atlas, or there is no atlas.
        ValueError: For an unknown `atlas_role` or `weights`, or several `lam`.
    """
    _check("atlas_role", atlas_role, tuple(OTHER))
    _check("weights", weights, ("equal", "similarity"))
    if np.ndim(options.get("lam")) > 0:
        raise ValueError(f"`lam` must be one number. Received: lam={options['lam']!r}")
    known = [atlas if isinstance(atlas, Atlas) else Atlas.read(*atlas) for atlas in atlases]
    if not known:
        raise DataError("segmentation needs at least one atlas: an image and its label map.")
    target, seconds, stories = readable(image), Counter(), []
    maps = np.empty((len(known), *target.grid.shape), label_type([atlas.labels.data for atlas in known]))
    heavy = np.empty(maps.shape, np.float32) if weights == "similarity" and len(known) > 1 else None
    for place, atlas in enumerate(known):
        if report is not None:
            report(place + 1, len(known))
        images = {atlas_role: atlas.image, OTHER[atlas_role]: target}
        masks = {f"{atlas_role}_mask": atlas.mask, f"{OTHER[atlas_role]}_mask": mask}
        result = registration.register(**images, **masks, **options)
        seconds.update(result.seconds)
        with timed(seconds, "labels"):
            source, places = _pulled(result, atlas_role)
            maps[place] = look_up(atlas.labels, places, "nearest", 0)
            if heavy is not None:
                moved = look_up(source, places, "linear", float(source.data.min()))
                heavy[place] = local_weights(target.data, moved, target.grid.spacing)
        stories.append(_story(result, atlas, atlas_role))
    with timed(seconds, "vote"):
        labels, share = vote(maps, heavy)
    images = (nifti_image(data, target.grid, dtype=data.dtype, space=target) for data in (labels, share))
    story = {
        "image": about.describe_image(target),
        "atlases": stories,
        "atlas_role": atlas_role,
        "weights": weights,
        "labels_lost": _lost(known, labels),
        **{key: result.about[key] for key in SHARED},
    }
    return Segmentation(*images, story, dict(seconds))


def _check(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"`{name}` must be {' or '.join(known)}. Received: {name}={value!r}")


def _pulled(result: Result, atlas_role: str) -> tuple[Volume, np.ndarray]:
    """The atlas image, and where in its space each voxel of the other image lies: `(3, X, Y, Z)` RAS mm."""
    if atlas_role == "moving":
        return result.moving_volume, result.transform.on_grid(result.fixed_volume.grid)
    return result.fixed_volume, result.inverse.on_grid(result.moving_volume.grid)


def _story(result: Result, atlas: Atlas, atlas_role: str) -> dict[str, Any]:
    """What the sidecar tells of one atlas."""
    files = {"image": result.about[atlas_role], "labels": about.describe_image(atlas.labels)}
    return {**files, **{key: result.about[key] for key in OWN}}


def _lost(atlases: Sequence[Atlas], labels: np.ndarray) -> list[int]:
    """Labels of the atlases, other than the background, that no voxel has been given."""
    found = np.unique(np.concatenate([np.unique(atlas.labels.data) for atlas in atlases]))
    return np.setdiff1d(found[found != 0], np.unique(labels)).tolist()
