"""ACDC, as downloaded, to the table that clmorph_acdc trains on.

    python scripts/prepare_acdc.py ACDC acdc

The release has `training/patient001/` to 100 and `testing/patient101/` to 150, each with `Info.cfg` and the labelled
frames at end-diastole and end-systole. The images stay where they are: OUT gets `scans.csv` with a scan for each of
the two frames (column `modality`: ED, ES), 100 patients to train with and 50 for the test. See docs/data-acdc.md.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from releases import Scan, check_complete, check_pair, command, write_scans

from tfregkit.errors import DataError

PATIENTS = [f"patient{number:03d}" for number in range(1, 151)]
TEST = PATIENTS[100:]


def frame(info: Path, phase: str) -> tuple[Path, Path]:
    """The frame at `ED` or `ES` and its label map."""
    number = re.search(rf"^{phase}:\s*(\d+)\s*$", info.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if number is None:
        raise DataError(f"{info}: does not say which frame is {phase}.")
    patient = info.parent.name
    for ending in (".nii.gz", ".nii"):
        stem = info.parent / f"{patient}_frame{int(number[1]):02d}"
        image, labels = (stem.with_name(f"{stem.name}{what}{ending}") for what in ("", "_gt"))
        if image.is_file() and labels.is_file():
            return image, labels
    raise DataError(f"{info.parent}: has no {stem.name}.nii.gz with its {stem.name}_gt.nii.gz.")


def prepare(arguments: argparse.Namespace) -> None:
    found = {path.parent.name: path for path in sorted(arguments.release.rglob("patient[0-9][0-9][0-9]/Info.cfg"))}
    check_complete(arguments.release, PATIENTS, found, "folders patient*/ with an Info.cfg")
    scans = []
    for patient in PATIENTS:
        for phase in ("ED", "ES"):
            image, labels = frame(found[patient], phase)
            check_pair(image, labels)
            part = "test" if patient in TEST else "train"
            scans.append(Scan(f"{patient}_{phase}", image, labels, part, subject=patient, modality=phase))
    write_scans(arguments.out / "scans.csv", scans)


def main(words: list[str] | None = None) -> int:
    return command(words, __doc__, prepare)


if __name__ == "__main__":
    sys.exit(main())
