"""Distorted views of the images of an item: other intensities, every voxel where it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfregkit.data.base import Augmentation
from tfregkit.errors import ConfigError

VIEWS = {"fixed_view": "fixed", "fixed_second_view": "fixed", "moving_view": "moving"}
"""The views by key, and the image each is a distortion of."""


def augmented(
    volumes: dict[str, np.ndarray], augmentations: Sequence[Augmentation], key: Sequence[int], number: int
) -> dict[str, np.ndarray]:
    """A scan through augmentations in order.

    Args:
        volumes: See `Augmentation`.
        augmentations: What to apply.
        key: Seeds the item's random numbers.
        number: From 1: tells the scans of the item apart. Those with `together` do not look at it.
    """
    for place, augmentation in enumerate(augmentations):
        stream = 0 if augmentation.together else number
        volumes = augmentation(volumes, np.random.default_rng([*key, place, stream]))
    return volumes


def check_distortions(distortions: Sequence[Augmentation]) -> None:
    """Raise a ConfigError where there is nothing to distort views by, or a distortion moves voxels or is shared."""
    if not distortions:
        raise ConfigError(
            "data.distortions: the strategy compares distorted views, and there is nothing to distort them by. List "
            "changes of intensity, e.g. [gamma, noise]."
        )
    for distortion in distortions:
        if distortion.geometric:
            raise ConfigError(
                f"data.distortions: `{type(distortion).__name__}` moves voxels, and the voxels of views must "
                "correspond. Put it under data.augmentations."
            )
        if distortion.together:
            raise ConfigError(
                f"data.distortions: `{type(distortion).__name__}` has `together: true`, and views that are distorted "
                "alike are equal: nothing is left to learn. Leave `together` out."
            )


def views_of(
    arrays: dict[str, np.ndarray], distortions: Sequence[Augmentation], key: Sequence[int]
) -> dict[str, np.ndarray]:
    """The views of an item, each distorted on its own.

    Args:
        arrays: The item's images `(X, Y, Z)` under `fixed`, `moving`, as far as it has them.
        distortions: Changes of intensity.
        key: Seeds the item's random numbers.
    """
    sources = [(name, arrays[role]) for name, role in VIEWS.items() if role in arrays]
    return {
        name: augmented({"image": image}, distortions, key, number)["image"]
        for number, (name, image) in enumerate(sources, start=1)
    }
