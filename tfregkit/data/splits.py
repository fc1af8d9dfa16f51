"""Who trains, who validates, who tests: always whole persons, never scans of one person in two splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from tfregkit.data.base import Pair, Split, Subject
from tfregkit.data.folds import Fold, with_fold, with_fraction
from tfregkit.data.pairs import Pairing, pair_up, sides
from tfregkit.errors import DataError
from tfregkit.wording import did_you_mean

Share = list[str | int] | Annotated[float, Field(ge=0, lt=1)] | None
"""Persons by name, or the share of all persons in [0, 1), or nothing said."""

PARTS = ("train", "validation", "test")


def make_split(
    scans: Sequence[Subject],
    seed: int,
    *,
    source: str,
    assigned: Mapping[str, str] | None = None,
    train: Share = None,
    validation: Share = None,
    test: Share = None,
    fold: Fold | None = None,
    train_fraction: float = 1.0,
    pairing: Pairing = "unpaired",
    moving_modality: str | None = None,
    fixed_modality: str | None = None,
    atlas: Subject | None = None,
    atlas_role: Literal["moving", "fixed"] = "fixed",
    reference: str | int | None = None,
    max_validation_pairs: int | None = None,
    max_test_pairs: int | None = None,
    extra: Sequence[Subject] = (),
) -> Split:
    """The pairs of each split from a list of scans: all a data set's `split` has to do once it knows its scans.

    Args:
        scans: All of them.
        seed: For what is drawn: shares, and which pairs are kept where there are too many.
        source: The data set, for messages.
        assigned: The split of each person, if that is known; instead of the next three.
        train: See `split_persons`.
        validation: See `split_persons`.
        test: See `split_persons`.
        fold: The number of a fold, from 1, and how many there are: see `with_fold`.
        train_fraction: Of those who train. See `with_fraction`.
        pairing: See `pair_up`; and the next four.
        moving_modality: Of the scans that move.
        fixed_modality: Of the scans that are registered to.
        atlas: For pairing `atlas`.
        atlas_role: Whether scans are registered to the atlas (it is fixed) or the atlas to them.
        reference: A person whom the scans of validation and test are registered to, instead of to each other; not one
            of theirs.
        max_validation_pairs: Keep at most so many.
        max_test_pairs: Keep at most so many.
        extra: Further scans, which only train and count in no share.

    Raises:
        DataError: If a person is in two splits, there are fewer persons than folds, a name is unknown, or nothing is
            left to train on; if `reference` has not exactly one scan to be registered to, or is in validation or test;
            if an extra scan has the name of another person.
    """
    if assigned is None:
        persons = [scan.subject for scan in scans]
        assigned = split_persons(persons, seed, source=source, train=train, validation=validation, test=test)
    if fold is not None:
        assigned = with_fold(assigned, fold, seed, source=source)
    assigned = with_fraction(assigned, train_fraction, seed)
    if known := sorted({scan.subject for scan in extra} & {scan.subject for scan in scans}):
        raise DataError(f"{source}: `{known[0]}` is the name of an extra scan and of another one. Rename the file.")
    scans, assigned = [*scans, *extra], {**assigned, **dict.fromkeys((scan.subject for scan in extra), "train")}
    modalities = {"moving_modality": moving_modality, "fixed_modality": fixed_modality}
    how = {part: {"pairing": pairing, "atlas": atlas, "atlas_role": atlas_role} for part in PARTS}
    if reference is not None:
        target = _reference(scans, assigned, str(reference), fixed_modality, source)
        how |= dict.fromkeys(PARTS[1:], {"pairing": "atlas", "atlas": target, "atlas_role": "fixed"})
    parts = {}
    for part in PARTS:
        members = [scan for scan in scans if assigned.get(scan.subject) == part]
        try:
            parts[part] = pair_up(members, **how[part], **modalities)
        except DataError as error:
            raise DataError(f"{source}: {error}") from error
        if members and not len(parts[part]):
            needs = "two subjects" if pairing == "unpaired" else "subjects with two scans"
            raise DataError(
                f"{source}: the {len(members)} scan(s) of `{part}` make no pair: pairing `{pairing}` needs {needs}."
            )
    parts["validation"] = at_most(parts["validation"], max_validation_pairs, seed)
    parts["test"] = at_most(parts["test"], max_test_pairs, seed)
    return check_split(Split(**parts), source, reference=None if reference is None else str(reference))


def split_persons(
    persons: Sequence[str],
    seed: int,
    *,
    source: str,
    train: Share = None,
    validation: Share = None,
    test: Share = None,
) -> dict[str, str]:
    """The split (`train`, `validation` or `test`) of each person. Who is named nowhere trains, unless `train` is given.

    Args:
        persons: All persons.
        seed: Decides who is drawn when a share is given as a number; the same persons give the same draw in any order.
        source: The data set, for messages.
        train: Names, or a share of all persons; without it, everybody left over.
        validation: Names or a share; without it, nobody.
        test: Names or a share; without it, nobody.

    Raises:
        DataError: If a name is unknown or in two splits, or the shares are more than everybody.
    """
    everybody = sorted(set(persons))
    wanted = {"test": test, "validation": validation, "train": train}
    chosen: dict[str, str] = {}
    for split, share in wanted.items():
        for name in map(str, share) if isinstance(share, list) else ():
            if name not in everybody:
                known = f" Subjects: {', '.join(everybody[:5])}{', ...' if len(everybody) > 5 else ''}."
                raise DataError(
                    f"{source}: `{split}` names the subject `{name}`, which is not there."
                    f"{did_you_mean(name, everybody) or known}"
                )
            if chosen.setdefault(name, split) != split:
                raise DataError(f"{source}: subject `{name}` is in two splits: `{chosen[name]}` and `{split}`.")
    left = [name for name in everybody if name not in chosen]
    drawn = [left[i] for i in np.random.default_rng([seed, len(everybody)]).permutation(len(left))]
    for split, share in wanted.items():
        if isinstance(share, list) or share is None:
            continue
        count = round(share * len(everybody))
        if count > len(drawn):
            raise DataError(
                f"{source}: `{split}: {share}` asks for {count} of {len(everybody)} subjects, but {len(drawn)} are "
                "left."
            )
        chosen.update(dict.fromkeys(drawn[:count], split))
        drawn = drawn[count:]
    if train is None:
        chosen.update(dict.fromkeys(drawn, "train"))
    return chosen


def at_most(pairs: Sequence[Pair], limit: int | None, seed: int) -> list[Pair]:
    """All pairs, or `limit` of them drawn by the seed, in their order."""
    if limit is None or len(pairs) <= limit:
        return list(pairs)
    return [pairs[i] for i in sorted(np.random.default_rng([seed, limit]).choice(len(pairs), limit, replace=False))]


def check_split(split: Split, source: str, *, reference: str | None = None) -> Split:
    """The split, if nobody is in two of its parts and there is something to train on.

    An atlas, that is a person on one and the same side of every pair of all parts, may be in all of them, and so may
    `reference`.

    Raises:
        DataError: Naming the person, or saying that there are no training pairs.
    """
    if not len(split.train):
        raise DataError(f"{source}: there are no training pairs: every subject is in another split.")
    parts = {}
    for part in PARTS:
        parts[part] = [{scan.subject for scan in side} for side in sides(getattr(split, part))]
    atlases = {reference}
    for side in (0, 1):
        persons = set().union(*(both[side] for both in parts.values()))
        atlases |= persons if len(persons) == 1 else set()
    seen: dict[str, str] = {}
    for part, both in parts.items():
        for person in sorted((both[0] | both[1]) - atlases):
            if seen.setdefault(person, part) != part:
                raise DataError(f"{source}: subject `{person}` is in two splits: `{seen[person]}` and `{part}`.")
    return split


def _reference(
    scans: Sequence[Subject], assigned: Mapping[str, str], person: str, modality: str | None, source: str
) -> Subject:
    """The scan of that person which others are registered to."""
    if assigned.get(person) in PARTS[1:]:
        raise DataError(f"{source}: `reference` names `{person}`, who is in `{assigned[person]}`. Take one who trains.")
    own = [scan for scan in scans if scan.subject == person and modality in (None, scan.modality)]
    if len(own) == 1:
        return own[0]
    known = sorted({scan.subject for scan in scans})
    hint = "" if own else did_you_mean(person, known)
    raise DataError(f"{source}: `reference` must name a subject with one scan; `{person}` has {len(own)}.{hint}")
