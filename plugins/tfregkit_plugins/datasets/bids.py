"""Scans of a folder laid out as BIDS: `sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz`, raw or derivatives."""

from __future__ import annotations

from pathlib import Path

from tfregkit.api import DataError, Subject, file_stem

PARTNERS = {"labels": "dseg", "mask": "mask"}
PARTNER_ENTITIES = {"desc", "label", "seg", "atlas", "res"}
"""What a label map's or mask's name may say that its image's does not."""


def scans_of_bids(root: Path, modalities: list[str]) -> list[Subject]:
    """The scans under `anat/` whose suffix (`T1w`, `T2w`, ...) is one of `modalities`; without modalities, `T1w`.

    Label maps (`dseg`) and masks (`mask`) are looked for beside the image and in `derivatives/*/`: same person, same
    session and further entities, except that `desc`, `label`, `seg`, `atlas` and `res` may differ.

    Raises:
        DataError: If there is no such scan, or two files could be the label map or mask of one.
    """
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder.")
    wanted = modalities or ["T1w"]
    places = [root, *sorted(path for path in root.glob("derivatives/*") if path.is_dir())]
    images = _anatomical(root)
    scans = [path for path in images if _suffix(path) in wanted]
    if not scans:
        seen = ", ".join(sorted({_suffix(path) for path in images})) or "none"
        raise DataError(
            f"{root}: no scan sub-*/[ses-*/]anat/*_{'|'.join(wanted)}.nii[.gz]. Suffixes there: {seen}. "
            "Name the suffixes wanted as `moving_modality` and `fixed_modality`."
        )
    partners = {
        kind: [p for place in places for p in _anatomical(place) if _suffix(p) == s] for kind, s in PARTNERS.items()
    }
    return [
        Subject(
            id=file_stem(path),
            image=path,
            subject=_entities(path)["sub"],
            modality=_suffix(path),
            **{kind: _partner(path, candidates, kind) for kind, candidates in partners.items()},
        )
        for path in scans
    ]


def _anatomical(root: Path) -> list[Path]:
    found = [p for pattern in ("sub-*/anat/sub-*.nii*", "sub-*/ses-*/anat/sub-*.nii*") for p in root.glob(pattern)]
    return sorted(path for path in found if path.name.endswith((".nii", ".nii.gz")))


def _suffix(path: Path) -> str:
    return file_stem(path).rsplit("_", 1)[-1]


def _entities(path: Path) -> dict[str, str]:
    """`sub-01_ses-1_T1w` as `{"sub": "01", "ses": "1"}`."""
    return dict(part.split("-", 1) for part in file_stem(path).split("_")[:-1] if "-" in part)


def _partner(image: Path, candidates: list[Path], kind: str) -> Path | None:
    own = _entities(image)
    shared = {key: value for key, value in own.items() if key not in PARTNER_ENTITIES}

    def fits(path: Path) -> bool:
        theirs = _entities(path)
        return {key: value for key, value in theirs.items() if key not in PARTNER_ENTITIES} == shared

    found = [path for path in candidates if fits(path)]
    if len(found) > 1:
        names = ", ".join(str(path) for path in found[:3])
        raise DataError(f"{image}: {len(found)} files could be its {kind}: {names}. Say which by patterns or a table.")
    return found[0] if found else None
