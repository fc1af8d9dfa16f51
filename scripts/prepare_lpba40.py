"""LPBA40 in delineation space, as downloaded, to what clmorph_lpba40 and pcswinmorph_lpba40 train on.

    python scripts/prepare_lpba40.py LPBA40 lpba40

The release has `S01/S01.delineation.skullstripped.*` and `S01.delineation.structure.label.*` to S40. OUT gets `images/`
and `labels/` with `scans.csv` for CLMorph (30 train, 10 test), and `cropped/` with `pairs.csv` for PC-SwinMorph (29
train, 10 test, all to S01). Started again, it goes on where it stopped. See docs/data-brains.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from releases import Scan, check_complete, command, read_pair, write_crops, write_pairs, write_scans

from tfregkit.errors import DataError

SHAPE, CROP = (181, 217, 181), (160, 192, 160)
PERSONS = [f"S{number:02d}" for number in range(1, 41)]
TEST = PERSONS[30:]
REFERENCE = "S01"  # of PC-SwinMorph; CLMorph's is S30, and said in the configuration
SUFFIXES = (".nii.gz", ".nii", ".img.gz", ".img")


def files(release: Path, kind: str) -> dict[str, Path]:
    """The file of each person."""
    found: dict[str, Path] = {}
    for suffix in SUFFIXES:
        for path in sorted(release.rglob(f"S[0-9][0-9].delineation.{kind}{suffix}")):
            found.setdefault(path.name[:3], path)
    return found


def prepare(arguments: argparse.Namespace) -> None:
    release, out = arguments.release, arguments.out
    images, labels = files(release, "skullstripped"), files(release, "structure.label")
    check_complete(release, PERSONS, images, "images S??.delineation.skullstripped")
    check_complete(release, PERSONS, labels, "label maps S??.delineation.structure.label")
    whole, cropped = [], []
    for person in PERSONS:
        part = "test" if person in TEST else "train"
        name = f"{person}.nii.gz"
        whole.append(Scan(person, out / "images" / name, out / "labels" / name, part))
        cropped.append(Scan(person, out / "cropped" / name, out / "cropped" / f"{person}_labels.nii.gz", part))
        outputs = [[scan[-1].image, scan[-1].labels] for scan in (whole, cropped)]
        if all(path.is_file() for paths in outputs for path in paths):
            continue
        pair = read_pair(images[person], labels[person])
        if pair[0].grid.shape != SHAPE:
            raise DataError(
                f"{images[person]}: is no image in delineation space, of {'x'.join(map(str, SHAPE))} voxels: "
                f"{pair[0].grid.describe()}."
            )
        for shape, paths in zip((SHAPE, CROP), outputs, strict=True):
            write_crops(pair, (np.array(SHAPE) - 1) / 2, shape, paths)
        print(person, flush=True)
    write_scans(out / "scans.csv", whole)
    reference = cropped.pop(PERSONS.index(REFERENCE))
    write_pairs(out / "pairs.csv", cropped, reference)


def main(words: list[str] | None = None) -> int:
    return command(words, __doc__, prepare)


if __name__ == "__main__":
    sys.exit(main())
