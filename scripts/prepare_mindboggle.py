"""MindBoggle-101's volumes in MNI152 space, as downloaded, to the table that clmorph_mindboggle trains on.

    python scripts/prepare_mindboggle.py Mindboggle101_volumes mindboggle

The release has `NKI-RS-22-1/t1weighted_brain.MNI152.nii.gz` and `labels.DKT31.manual.MNI152.nii.gz` in its groups'
folders. The images stay where they are: OUT gets `scans.csv`, 42 scans of NKI-RS-22 and NKI-TRT-20 to train with and
the 20 of OASIS-TRT-20 for the test. See docs/data-brains.md.
"""

from __future__ import annotations

import argparse
import sys

from releases import Scan, check_complete, check_pair, command, write_scans

from tfregkit.errors import DataError

IMAGE = "t1weighted_brain.MNI152.nii.gz"
LABELS = ("labels.DKT31.manual.MNI152.nii.gz", "labels.DKT25.manual.MNI152.nii.gz")  # one as good as the other: merged
GROUPS = {"NKI-RS-22": (22, "train"), "NKI-TRT-20": (20, "train"), "OASIS-TRT-20": (20, "test")}
PARTS = {f"{group}-{i}": part for group, (count, part) in GROUPS.items() for i in range(1, count + 1)}


def prepare(arguments: argparse.Namespace) -> None:
    found = {path.parent.name: path for path in sorted(arguments.release.rglob(IMAGE))}
    check_complete(arguments.release, list(PARTS), found, f"folders with a {IMAGE}")
    scans = []
    for person, part in PARTS.items():
        image = found[person]
        there = [path for name in LABELS if (path := image.with_name(name)).is_file()]
        if not there:
            raise DataError(f"{image.parent}: has no {LABELS[0]} (nor DKT25).")
        check_pair(image, there[0])
        scans.append(Scan(person, image, there[0], part))
    write_scans(arguments.out / "scans.csv", scans)


def main(words: list[str] | None = None) -> int:
    return command(words, __doc__, prepare)


if __name__ == "__main__":
    sys.exit(main())
