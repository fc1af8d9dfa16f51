"""KiTS19 (or its successors), as downloaded, to a table of scans for a `nifti` data set.

    python scripts/prepare_kits.py kits19 kits

The release has `case_00000/imaging.nii.gz` and, for cases that were published with labels, `segmentation.nii.gz` beside
it. OUT gets `scans.csv`, which lists the 210 labelled cases of KiTS19 where they are; nothing is copied. See
docs/data-ct.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from releases import Scan, check_complete, check_pair, command, write_scans

CASES = [f"case_{number:05d}" for number in range(210)]


def prepare(arguments: argparse.Namespace) -> None:
    folders = {path.parent.name: path.parent for path in sorted(arguments.release.rglob("case_?????/imaging.nii.gz"))}
    labelled = [name for name, folder in folders.items() if (folder / "segmentation.nii.gz").is_file()]
    check_complete(arguments.release, CASES, folders, "images case_?????/imaging.nii.gz")
    check_complete(arguments.release, CASES, labelled, "label maps case_?????/segmentation.nii.gz")
    scans = [Scan(name, folders[name] / "imaging.nii.gz", folders[name] / "segmentation.nii.gz", "") for name in CASES]
    for scan in scans:
        check_pair(scan.image, scan.labels)
    write_scans(Path(arguments.out) / "scans.csv", scans)


def main(words: list[str] | None = None) -> int:
    return command(words, __doc__, prepare)


if __name__ == "__main__":
    sys.exit(main())
