"""Batches of validation pairs for strategies that look at them while they train."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfregkit.data.base import Split
from tfregkit.data.batches import Batches
from tfregkit.data.module import DataModule
from tfregkit.data.splits import check_split
from tfregkit.errors import ConfigError, DataError
from tfregkit.training.batch_maker import BatchMaker

SEED = 5  # the stream of random numbers from which the seed of these batches is drawn


class WithHeldOut:
    """The training batches, to some of which a batch of held-out pairs is added under `held_out`.

    Args:
        train: Makes the training batches.
        held_out: Makes those of held-out pairs.
        number: The number of the held-out batch of a training step, or None. See `Strategy.held_out`.
    """

    def __init__(self, train: BatchMaker, held_out: BatchMaker, number: Callable[[int], int | None]) -> None:
        self.train, self.held_out, self.number = train, held_out, number

    def __call__(self, step: int) -> list[dict[str, Any]]:
        """The batch of a step, counted from 0, for each local replica."""
        shares, number = self.train(step), self.number(step)
        if number is None:
            return shares
        return [{**share, "held_out": seen} for share, seen in zip(shares, self.held_out(number), strict=True)]

    def share(self, step: int, replica: int) -> dict[str, np.ndarray]:
        """One replica's share of the training pairs alone."""
        return self.train.share(step, replica)


def held_out_batches(data: DataModule, name: str, *, others: bool, subjects: bool, labels: bool) -> Batches:
    """Batches of the validation pairs: as those of training, as large, cropped like them, but without augmentation.

    Args:
        data: Of the stage.
        name: Of the strategy, for messages.
        others: See `Batches`.
        subjects: See `Batches`.
        labels: See `Batches`.

    Raises:
        ConfigError: When there are no validation pairs.
        DataError: When a validation subject is also one to train on; an atlas, which is in all pairs, may be.
    """
    if not len(data.validation):
        raise ConfigError(
            f"strategy `{name}` learns from validation pairs, and this data set has none. Hold subjects out, for "
            "instance with data.dataset.validation: 0.1."
        )
    try:
        check_split(Split(data.train.pairs, data.validation, []), f"strategy `{name}`")
    except DataError as error:
        raise DataError(f"{error} What is learned from pairs that are trained on says nothing of others.") from error
    seed = int(np.random.default_rng([data.train.seed, SEED]).integers(2**31))
    return Batches(
        data.validation,
        data.train.scans,
        seed=seed,
        batch_size=data.train.batch_size,
        crop=data.train.crop,
        foreground=data.train.foreground,
        foreground_labels=data.train.foreground_labels,
        roles=data.train.roles,
        distortions=data.train.distortions,
        draw=data.train.draw,
        others=others,
        subjects=subjects,
        labels=labels,
    )
