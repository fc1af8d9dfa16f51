"""Splits for cross-validation and for learning curves, made from a split of persons."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field, PositiveInt

from tfregkit.errors import DataError


def _is_there(fold: tuple[int, int]) -> tuple[int, int]:
    if fold[0] > fold[1]:
        raise ValueError(f"`fold` is [number, how many], numbers from 1. Received: fold={list(fold)}")
    return fold


Fold = Annotated[tuple[PositiveInt, Annotated[int, Field(ge=2)]], AfterValidator(_is_there)]
"""The number of a fold, from 1, and how many there are."""

Fraction = Annotated[float, Field(gt=0, le=1)]

TRAIN_STREAM, FOLD_STREAM = 11, 12  # of random numbers, apart from each other and from that of the split itself


def with_fold(assigned: Mapping[str, str], fold: Fold, seed: int, *, source: str) -> dict[str, str]:
    """The split of one fold: everybody who had a place in the split is tested in one fold, and trains in the others.

    As many persons validate as before, drawn from those who would train.

    Args:
        assigned: The split of each person.
        fold: Its number, from 1, and how many there are.
        seed: Decides who is in which fold; the same persons give the same folds in any order.
        source: The data set, for messages.

    Raises:
        DataError: When there are fewer persons than folds, or nobody is left to train.
    """
    number, count = fold
    persons = sorted(assigned)
    if count > len(persons):
        raise DataError(
            f"{source}: {count} folds of {len(persons)} subjects: at least one is tested in each. Take fewer folds."
        )
    order = np.random.default_rng([seed, len(persons), FOLD_STREAM]).permutation(len(persons))
    parts = [[persons[i] for i in part] for part in np.array_split(order, count)]
    others = list(itertools.chain.from_iterable(parts[number:] + parts[: number - 1]))
    validating = sum(part == "validation" for part in assigned.values())
    if validating >= len(others):
        raise DataError(
            f"{source}: fold {number} of {count} leaves {len(others)} subjects, and {validating} of them are to "
            "validate. Take fewer for validation."
        )
    found = dict.fromkeys(parts[number - 1], "test")
    return found | dict.fromkeys(others[:validating], "validation") | dict.fromkeys(others[validating:], "train")


def with_fraction(assigned: Mapping[str, str], fraction: float, seed: int) -> dict[str, str]:
    """The split with that share of the persons who train, at least one; the others are left out.

    Of one seed, those of a smaller share are among those of a larger one. Who validates and tests stays the same.
    """
    training = sorted(person for person, part in assigned.items() if part == "train")
    order = np.random.default_rng([seed, len(training), TRAIN_STREAM]).permutation(len(training))
    left_out = {training[i] for i in order[max(1, round(fraction * len(training))) :]}
    return {person: part for person, part in assigned.items() if person not in left_out}
