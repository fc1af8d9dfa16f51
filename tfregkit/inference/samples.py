"""Deformed copies of a labelled atlas: fields are drawn from what a probabilistic network thinks of a pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import nibabel as nib
import numpy as np
from keras import ops

from tfregkit.data.volume import Grid, nifti_image
from tfregkit.errors import ConfigError
from tfregkit.inference.atlas import Atlas
from tfregkit.inference.field import Field, both_ways, lattice
from tfregkit.inference.inputs import readable
from tfregkit.inference.transform import Transform, look_up
from tfregkit.ops import jacobian_determinant
from tfregkit.ops.normal_noise import NOISE_SIZE

if TYPE_CHECKING:
    from tfregkit.inference.registration import Registration


@dataclass(frozen=True, eq=False)
class Sample:
    """A deformed copy of an atlas.

    Args:
        image: On the atlas' own grid, linear, in the type of its file.
        labels: The same for its labels, nearest neighbour.
        seed: What was drawn from.
        measures: What the map is like on the atlas' grid: the smallest Jacobian determinant `jacobian_min`, the share
            of those at or below 0 `folds_percent`, the mean length of the displacement `displacement_mean_mm`.
    """

    image: nib.Nifti1Image
    labels: nib.Nifti1Image
    seed: int
    measures: dict[str, float]


def sample(
    registration: Registration,
    atlas: Atlas,
    target: Any,
    seeds: Sequence[int],
    *,
    scale: float = 1.0,
    atlas_role: Literal["moving", "fixed"] = "moving",
    lam: float | None = None,
    target_mask: Any = None,
    **options: Any,
) -> Iterator[Sample]:
    """Draw fields for the pair of an atlas and a target, and warp the atlas and its labels by them.

    The network draws its latent `z ~ N(mean, (scale sigma)^2)` with the mean and sigma it gives this pair; scale 0
    is the mean, so the field is the one that registration finds. Image and labels are interpolated once, on the atlas'
    own grid: `sample(x) = atlas(T(x))`, where T is the network's field seen in the atlas' world: the affine start that
    brought the two together is taken back, so that the samples lie where the atlas does.

    Args:
        registration: A run whose network draws.
        atlas: The labelled image.
        target: A path or nibabel image towards which the atlas is deformed.
        seeds: One for each sample.
        scale: How much wider than the network's the distribution is.
        atlas_role: `moving`: the atlas is registered to the target. `fixed`: the target to the atlas, and the inverse
            deforms it; for runs that know the atlas as the fixed image.
        lam: For a network that is conditioned on lambda.
        target_mask: A mask on the target's grid, where the run's normalisation looks at masks.
        **options: `init`, `affine`, `progress`, as `Registration.register_each` takes them.

    Raises:
        ConfigError: When the network draws nothing, `scale` is negative, or `lam` is missing or not taken.
        DataError: When an image cannot be used, or the two do not overlap.
        ValueError: For an unknown `atlas_role`.
    """
    if atlas_role not in ("moving", "fixed"):
        raise ValueError(f"`atlas_role` must be moving or fixed. Received: atlas_role={atlas_role!r}")
    if not (np.isfinite(scale) and scale >= 0):
        raise ConfigError(f"`scale` must be a number of at least 0. Received: scale={scale!r}")
    check_draws(registration)
    (lam,), _ = registration.lambdas(lam)
    source = readable(atlas.image)
    images, masks = (source, target), (atlas.mask, target_mask)
    turn = 1 if atlas_role == "moving" else -1
    pair = registration.prepared(*images[::turn], masks=masks[::turn], **options)

    def draw(seed: int) -> Sample:
        ((outputs, _),) = registration.forward({**pair.batch, **_noise(seed, scale)}, [lam])
        if atlas_role == "moving":
            field = Field.from_voxels(pair.grid, outputs["displacement"][0])
            transform = Transform((np.linalg.inv(pair.start), field, pair.start))
        else:
            transform = Transform((both_ways(outputs, pair.grid)[1],))
        places = transform.on_grid(source.grid)
        image = look_up(source, places, "linear", "edge")
        labels = look_up(atlas.labels, places, "nearest", "edge")
        made = [
            nifti_image(data, source.grid, like=like, space=source)
            for data, like in ((image, source), (labels, atlas.labels))
        ]
        return Sample(*made, seed, _measured(places, source.grid))

    return map(draw, seeds)


def check_draws(registration: Registration) -> None:
    """Refuse a run whose network is deterministic.

    Raises:
        ConfigError: When the network draws nothing.
    """
    if "noise" not in registration.network.needs:
        raise ConfigError(
            f"{registration.about.get('path', 'this run')}: its network gives one field and no distribution, so there "
            "is nothing to draw from. Train one that has a parameter `probabilistic` or `variational`, with that set "
            "to true (`tfregkit plugins network NAME`)."
        )


def _noise(seed: int, scale: float) -> dict[str, np.ndarray]:
    """What the network draws from; nothing where it is to take the mean."""
    if scale == 0:
        return {}
    noise = np.random.default_rng(seed).random((1, NOISE_SIZE), np.float32)
    return {"noise": noise, "noise_scale": np.full((1, 1), scale, np.float32)}


def _measured(places: np.ndarray, grid: Grid) -> dict[str, float]:
    vectors = places - lattice(grid.affine, grid.shape)
    determinant = ops.convert_to_numpy(jacobian_determinant(Field(grid, vectors).to_voxels()[None]))
    return {
        "jacobian_min": float(determinant.min()),
        "folds_percent": float(100 * np.mean(determinant <= 0)),
        "displacement_mean_mm": float(np.linalg.norm(vectors, axis=0).mean(dtype=np.float64)),
    }
