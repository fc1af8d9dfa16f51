"""Checks of a data set over real files: see `tfregkit.api.Dataset` for the contract they spell out."""

from __future__ import annotations

from tfregkit.api import Dataset, Pair, Split
from tfregkit.testing.common import follows_the_rules


def pairs(split: Split) -> dict[str, list[Pair]]:
    return {"train": list(split.train), "validation": list(split.validation), "test": list(split.test)}


def gives_pairs(dataset: Dataset) -> None:
    """At least one pair in all, each id once in its split, no scan paired with itself."""
    found = pairs(dataset.split(0))
    assert any(found.values()), "the split is empty: no pair for training, validation or test"
    for name, split in found.items():
        ids = [pair.id for pair in split]
        assert len(ids) == len(set(ids)), f"{name} has a pair twice"
        assert all(pair.moving.id != pair.fixed.id for pair in split), f"{name} pairs a scan with itself"


def files_exist(dataset: Dataset) -> None:
    """Every path is absolute and there."""
    scans = {scan.id: scan for split in pairs(dataset.split(0)).values() for p in split for scan in (p.moving, p.fixed)}
    for scan in scans.values():
        for path in filter(None, (scan.image, scan.labels, scan.mask, scan.points)):
            assert path.is_absolute(), f"{scan.id}: {path} is not absolute"
            assert path.is_file(), f"{scan.id}: {path} does not exist"


def nobody_is_in_two_splits(dataset: Dataset) -> None:
    """A person who trains is not tested on. One scan that all pairs share (an atlas) is no person."""
    found = pairs(dataset.split(0))
    scans = [{pair.moving.id, pair.fixed.id} for split in found.values() for pair in split]
    atlas = set.intersection(*scans) if len(scans) > 1 else set()
    people = {name: _people(split, atlas) for name, split in found.items()}
    for one, two in (("train", "validation"), ("train", "test"), ("validation", "test")):
        both = people[one] & people[two]
        assert not both, f"in {one} and in {two}: {', '.join(sorted(both))}"


def _people(split: list[Pair], atlas: set[str]) -> set[str]:
    return {scan.subject for pair in split for scan in (pair.moving, pair.fixed) if scan.id not in atlas}


def split_depends_on_the_seed_alone(dataset: Dataset) -> None:
    for seed in (0, 1):
        one, two = pairs(dataset.split(seed)), pairs(dataset.split(seed))
        assert one == two, f"two calls of split({seed}) differ"


CHECKS = [follows_the_rules, gives_pairs, files_exist, nobody_is_in_two_splits, split_depends_on_the_seed_alone]
