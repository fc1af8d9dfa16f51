"""The dHCP neonatal release, as downloaded, to the folder that configs/contrareg_dhcp.yaml trains on.

    python scripts/prepare_dhcp.py RELEASE OUT --template T2_40_weeks.nii.gz

RELEASE is the folder of the structural pipeline of any release: `sub-*/ses-*/anat/`. OUT gets `images/`, `labels/`,
`affines/` and the table `scans.csv`. Started again, it goes on where it stopped. See docs/data-dhcp.md.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import tfregkit
from tfregkit.data.grid import Grid, same_grid
from tfregkit.data.sampling import affine_sample
from tfregkit.data.volume import Volume, read_grid, read_volume, write_volume
from tfregkit.errors import DataError
from tfregkit.files import write_text
from tfregkit.inference.affine_file import read_affine, write_affine
from tfregkit.inference.affine_fit import fit_affine

SHAPE, SPACING = (160, 192, 160), (0.6132, 0.6257, 0.6572)
AGES = (29.0, 45.0)
SPLIT = (405, 23, 64)
PARTS = ("train", "validation", "test")
NAMES = {  # of each file after `sub-X_ses-Y_`, in releases 3, 2 and 1
    "T1w": ("desc-restore_space-T2w_T1w", "desc-restore_T1w", "T1w_restore_brain", "T1w_restore"),
    "T2w": ("desc-restore_T2w", "T2w_restore_brain", "T2w_restore"),
    "drawem9": ("desc-drawem9_dseg", "desc-drawem9_space-T2w_dseg", "drawem_tissue_labels"),
    "drawem87": ("desc-drawem87_dseg", "desc-drawem87_space-T2w_dseg", "drawem_all_labels"),
    "mask": ("desc-brain_mask", "desc-drawem_space-T2w_brainmask", "brainmask_drawem", "brainmask_bet"),
}
OUTSIDE = {"drawem9": (4,), "drawem87": (84, 85)}  # Draw-EM's labels of what is no brain
COLUMNS = ("id", "subject", "session", "age", "modality", "image", "labels", "split")


@dataclass
class Session:
    """One visit of one person: its files by `T1w`, `T2w`, `labels` and, where there is one, `mask`."""

    subject: str
    session: str
    age: float | None
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.subject}_{self.session}"


def find_sessions(release: Path, labels: str) -> tuple[list[Session], dict[str, int]]:
    """Every person's first complete session of the right age, and how many were left out and why."""
    if not (folders := sorted(release.glob("sub-*/ses-*/anat"))):
        raise DataError(
            f"{release}: has no folders sub-*/ses-*/anat. Give the folder of the structural pipeline, e.g. "
            "`dhcp_anat_pipeline`."
        )
    found: dict[str, Session] = {}
    left_out = {"without T1w, T2w or labels": 0, "outside of 29 to 45 weeks": 0, "second scans": 0}
    for folder in folders:
        subject, session = (folder.parents[i].name.partition("-")[2] for i in (1, 0))
        one = Session(subject, session, scan_age(folder.parents[1], session))
        for kind, source in (("T1w", "T1w"), ("T2w", "T2w"), ("labels", labels), ("mask", "mask")):
            paths = [folder / f"sub-{subject}_ses-{session}_{name}.nii.gz" for name in NAMES[source]]
            if there := [path for path in paths if path.is_file()]:
                one.files[kind] = there[0]
        if not {"T1w", "T2w", "labels"} <= set(one.files):
            left_out["without T1w, T2w or labels"] += 1
        elif one.age is not None and not AGES[0] <= one.age <= AGES[1]:
            left_out["outside of 29 to 45 weeks"] += 1
        elif subject in found:
            left_out["second scans"] += 1
        else:
            found[subject] = one
    if not found:
        raise DataError(f"{release}: no session has a T1w, a T2w and {labels} labels: {NAMES[labels]}.")
    return list(found.values()), left_out


def scan_age(folder: Path, session: str) -> float | None:
    """Weeks at scan of a person's sessions.tsv; None where it does not say."""
    path = folder / f"{folder.name}_sessions.tsv"
    if not path.is_file():
        return None
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t"):
        age = row.get("scan_age") or row.get("scan_ga")
        if age and (row.get("session_id") or "").removeprefix("ses-") == session:
            try:
                return float(age)
            except ValueError as error:
                raise DataError(f"{path}: the age at scan of session {session} is no number.") from error
    return None


def split_persons(subjects: list[str], counts: tuple[int, int, int], seed: int) -> dict[str, str]:
    """Who is in which part: the same for the same persons and seed, in whatever order they come."""
    if len(subjects) < sum(counts):
        raise DataError(
            f"{len(subjects)} persons are too few for {'/'.join(map(str, counts))}. Say another split (--split "
            "TRAIN/VALIDATION/TEST), or get the whole release."
        )
    drawn = np.random.default_rng([seed, len(subjects)]).permutation(sorted(subjects)).tolist()
    parts = [part for part, count in zip(PARTS, counts, strict=True) for _ in range(count)]
    return dict(zip(drawn, parts, strict=False))


def common_grid(template: Path | None) -> Grid:
    """The paper's grid about the centre of the template, or about the origin."""
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (read_grid(template).centre_mm if template else 0) - affine[:3, :3] @ (np.array(SHAPE) - 1) / 2
    return Grid(SHAPE, affine)


def to_common_space(brain: Volume, grid: Grid, template: Path | None, given: Path | None) -> np.ndarray:
    """`(4, 4)` RAS mm, points of the common space to points of the scan."""
    start = np.eye(4)
    inside = np.argwhere(brain.data > brain.data.min())
    start[:3, 3] = brain.grid.voxel_to_world((inside.min(axis=0) + inside.max(axis=0)) / 2) - grid.centre_mm
    if template is None:
        return start
    if given is not None:
        return read_affine(given)
    fixed = read_volume(template)
    for volume in (brain, fixed):
        volume.data = volume.data / np.percentile(volume.data, 99.9)
    return fit_affine(brain, fixed, tfregkit.build("similarity", "ncc", window=7), start)


def prepare(session: Session, out: Path, grid: Grid, arguments: argparse.Namespace) -> dict[str, Path]:
    """The session's files on the grid, written unless they are there already."""
    outputs = {kind: out / "images" / f"{session.name}_{kind}.nii.gz" for kind in ("T1w", "T2w")}
    outputs["labels"] = out / "labels" / f"{session.name}.nii.gz"
    if all(path.is_file() for path in outputs.values()):
        return outputs
    volumes = {kind: read_volume(path, labels=kind == "labels") for kind, path in session.files.items()}
    for kind, volume in volumes.items():
        if not same_grid(volume.grid, volumes["T2w"].grid):
            raise DataError(
                f"{session.files[kind]}: lies on another grid than the T2w: {volume.grid.describe()}; the T2w: "
                f"{volumes['T2w'].grid.describe()}. Take the pipeline's files in T2w space."
            )
    labels = volumes["labels"]
    labels.data = np.where(np.isin(labels.data, OUTSIDE[arguments.labels]), 0, labels.data).astype(np.int16)
    brain = (volumes["mask"].data if "mask" in volumes else labels.data) > 0
    if not brain.any():
        raise DataError(f"{session.files.get('mask', session.files['labels'])}: has no brain in it.")
    for kind in ("T1w", "T2w"):
        volumes[kind].data = np.where(brain, np.maximum(volumes[kind].data, 0), 0).astype(np.float32)
    given = given_affine(arguments.affines, session)
    place = to_common_space(Volume(volumes["T2w"].data, volumes["T2w"].grid), grid, arguments.template, given)
    if arguments.template is not None and given is None:
        (out / "affines").mkdir(exist_ok=True)
        write_affine(out / "affines" / f"{session.name}.txt", place)
    for kind, path in outputs.items():
        volume, linear = volumes[kind], kind != "labels"
        matrix = volume.grid.inverse @ place @ grid.affine
        how = {"interpolation": "linear" if linear else "nearest", "fill": 0, "antialias": linear}
        write_volume(path, affine_sample(volume.data, matrix, grid.shape, **how), grid)
    return outputs


def given_affine(folder: Path | None, session: Session) -> Path | None:
    """The session's own affine file, if a folder of them was given."""
    if folder is None:
        return None
    paths = [folder / f"{session.name}{suffix}" for suffix in (".txt", ".tfm", ".mat")]
    if there := [path for path in paths if path.is_file()]:
        return there[0]
    raise DataError(f"{paths[0]}: there is no such affine (nor .tfm, .mat). Without --affines they are fitted.")


def remember(out: Path, arguments: argparse.Namespace) -> None:
    """Refuse to go on in a folder that was begun with other settings."""
    names = ("template", "affines", "labels", "split", "seed")
    settings = {name: json.loads(json.dumps(getattr(arguments, name), default=str)) for name in names}
    path = out / "settings.json"
    if path.is_file() and (before := json.loads(path.read_text(encoding="utf-8"))) != settings:
        changed = ", ".join(f"{name} {before.get(name)}" for name in names if before.get(name) != settings[name])
        raise DataError(f"{out}: was begun with other settings ({changed}). Take another folder, or delete this one.")
    for folder in (out / "images", out / "labels"):
        folder.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(settings, indent=1) + "\n")


def run(arguments: argparse.Namespace) -> None:
    """The whole preparation."""
    if arguments.affines and not arguments.template:
        raise DataError("--affines needs --template: the image whose space they lead to.")
    sessions, left_out = find_sessions(arguments.release, arguments.labels)
    parts = split_persons([one.subject for one in sessions], arguments.split, arguments.seed)
    used = [one for one in sessions if one.subject in parts]
    ages = sum(one.age is not None for one in used)
    print(f"{len(sessions)} persons, {len(used)} used; left out: {left_out}; age known of {ages}")
    grid, out = common_grid(arguments.template), arguments.out
    remember(out, arguments)
    if arguments.template is None:
        print("no --template: brains are centred, not affinely aligned (the paper's are)")
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for number, one in enumerate(used, start=1):
        files = prepare(one, out, grid, arguments)
        common = {"subject": one.subject, "session": one.session, "age": one.age, "split": parts[one.subject]}
        for modality in ("T1w", "T2w"):
            paths = {
                key: files[kind].relative_to(out).as_posix() for key, kind in (("image", modality), ("labels",) * 2)
            }
            writer.writerow({"id": f"{one.name}_{modality}", "modality": modality, **common, **paths})
        print(f"{number}/{len(used)} {one.name}", flush=True)
    write_text(out / "scans.csv", table.getvalue())
    print(f"{out / 'scans.csv'}: {' / '.join(f'{n} {part}' for n, part in zip(arguments.split, PARTS, strict=True))}")


def counts(text: str) -> tuple[int, ...]:
    """`405/23/64` as numbers."""
    train, validation, test = (int(part) for part in text.split("/"))
    return train, validation, test


def main(words: list[str] | None = None) -> int:
    """The command line; 2 after an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path, help="folder with sub-*/ses-*/anat")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--template", type=Path, help="T2-weighted template, skull-stripped: the common space")
    parser.add_argument("--affines", type=Path, help="folder of ITK affines SUBJECT_SESSION.txt to that space")
    parser.add_argument(
        "--labels", choices=OUTSIDE, default="drawem9", help="which segmentation (default: %(default)s)"
    )
    parser.add_argument("--split", type=counts, default=SPLIT, help="persons, TRAIN/VALIDATION/TEST (405/23/64)")
    parser.add_argument("--seed", type=int, default=1, help="of the split")
    try:
        run(parser.parse_args(words))
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
