"""CANDI (SchizBull_2008), as downloaded, to what pcswinmorph_candi trains on.

    python scripts/prepare_candi.py SchizBull_2008 candi

The release has `HC_001/HC_001_procimg.nii.gz` and `HC_001_seg.nii.gz`, and so on, in its groups' folders. OUT gets
`images/` and `labels/`, cropped about the brain, and `pairs.csv`: every scan to the reference, 20 for the test. Started
again, it goes on where it stopped. See docs/data-brains.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from releases import Scan, command, read_pair, write_crops, write_pairs

from tfregkit.errors import DataError
from tfregkit.wording import did_you_mean

CROP = (160, 160, 128)  # in the file's order of axes, 0.9375 x 0.9375 x 1.5 mm
SUBJECTS = 103
ENDINGS = ("_seg.nii.gz", ".seg.nii.gz", "_seg.nii")


def find(release: Path) -> dict[str, tuple[Path, Path]]:
    """Image and label map of each subject."""
    found = {}
    for image in sorted([*release.rglob("*_procimg.nii.gz"), *release.rglob("*_procimg.nii")]):
        subject = image.name.rpartition("_procimg")[0]
        maps = [image.with_name(subject + ending) for ending in ENDINGS]
        there = [path for path in maps if path.is_file()]
        if not there:
            raise DataError(f"{image}: has no label map {maps[0].name} beside it.")
        found[subject] = (image, there[0])
    if not found:
        raise DataError(f"{release}: has no files *_procimg.nii.gz. Give the folder of the unpacked archives.")
    return found


def split(subjects: list[str], test: int, reference: str | None, seed: int) -> tuple[str, dict[str, str]]:
    """The reference, and the part of everybody else: the same for the same subjects and seed."""
    if reference is not None and reference not in subjects:
        raise DataError(f"--reference {reference}: there is no such subject.{did_you_mean(reference, subjects)}")
    if not 0 < test < len(subjects) - 1:
        raise DataError(f"{len(subjects)} scans are too few for a test of {test}, a reference and training (--test).")
    drawn = np.random.default_rng([seed, len(subjects)]).permutation(sorted(subjects)).tolist()
    reference = reference or drawn[0]
    drawn.remove(reference)
    parts = dict.fromkeys(drawn[:test], "test") | dict.fromkeys(drawn[test:], "train")
    return reference, {name: parts[name] for name in sorted(drawn)}


def prepare(arguments: argparse.Namespace) -> None:
    release, out = arguments.release, arguments.out
    found = find(release)
    reference, parts = split(list(found), arguments.test, arguments.reference, arguments.seed)
    print(f"{len(found)} scans (the release has {SUBJECTS}), reference {reference}")
    scans = {}
    for subject, files in found.items():
        name = f"{subject}.nii.gz"
        scans[subject] = Scan(subject, out / "images" / name, out / "labels" / name, parts.get(subject, ""))
        outputs = [scans[subject].image, scans[subject].labels]
        if all(path.is_file() for path in outputs):
            continue
        pair = read_pair(*files)
        inside = np.argwhere(pair[1].data > 0)
        write_crops(pair, (inside.min(axis=0) + inside.max(axis=0)) / 2, CROP, outputs)
        print(subject, flush=True)
    write_pairs(out / "pairs.csv", [scans[subject] for subject in parts], scans[reference])


def main(words: list[str] | None = None) -> int:
    return command(
        words,
        __doc__,
        prepare,
        test={"type": int, "default": 20, "help": "test scans (default: %(default)s); all but the reference train"},
        reference={"help": "subject that all are registered to; default: drawn"},
        seed={"type": int, "default": 1, "help": "of what is drawn (default: %(default)s)"},
    )


if __name__ == "__main__":
    sys.exit(main())
