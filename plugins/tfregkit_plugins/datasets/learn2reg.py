"""Scans and pairs of a Learn2Reg task: its `*_dataset.json`."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from tfregkit.api import DataError, Pair, Subject, absolute, atomic_path, file_stem, read_grid, user_cache_folder

PARTNERS = {"labels": ("labels",), "mask": ("masks",), "points": ("keypoints", "landmarks")}
"""Folders that hold a scan's partners (`imagesTr/x.nii.gz` has its labels in `labelsTr/x.nii.gz`), and, with or without
the `s`, the keys under which an entry may name them."""


def world_points(path: Path, image: Path) -> Path:
    """The points as the toolkit reads them: RAS mm under the header `x,y,z`.

    Learn2Reg's lists have no header and are in voxels of the image; such a list is converted into the cache folder. A
    list with a header is left as it is.
    """
    text = path.read_text(encoding="utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    if not rows or not _numbers(rows[0]):
        return path
    if not all(len(row) == 3 and _numbers(row) for row in rows):
        raise DataError(f"{path}: every line must have three numbers, as its first one does.")
    affine = read_grid(image).affine
    points = np.array(rows, dtype=np.float64) @ affine[:3, :3].T + affine[:3, 3]
    key = hashlib.sha256(f"{affine.tolist()}{text}".encode()).hexdigest()[:16]
    converted = user_cache_folder() / "points" / f"{file_stem(path)}-{key}.csv"
    if not converted.is_file():
        with atomic_path(converted) as aside:
            aside.write_text("x,y,z\n" + "".join(f"{x:.6f},{y:.6f},{z:.6f}\n" for x, y, z in points))
    return converted


def _numbers(cells: list[str]) -> bool:
    try:
        return bool([float(cell) for cell in cells])
    except ValueError:
        return False


class Learn2Reg:
    """The file's lists, with paths made absolute.

    A scan `OASIS_0395_0000.nii.gz` is of subject `OASIS_0395` and modality `0000`, or that modality's name in the file.
    Label maps, masks and points are where the file says, or where Learn2Reg keeps them, if they are there.

    Args:
        path: The JSON file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise DataError(f"{path}: there is no such file.") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: is not JSON ({error}).") from error
        if not isinstance(self.data, dict) or not ("training" in self.data or "training_paired_images" in self.data):
            raise DataError(f"{path}: is no Learn2Reg file: it has neither `training` nor `training_paired_images`.")
        self._scans: dict[Path, Subject] = {}

    def scans(self, key: str) -> list[Subject]:
        """The scans of a list such as `training`."""
        return [self._scan(entry) for entry in self.data.get(key) or []]

    def pairs(self, key: str) -> list[Pair]:
        """The pairs of a list such as `registration_val`."""
        pairs = []
        for i, entry in enumerate(self.data.get(key) or []):
            if not isinstance(entry, dict) or not {"moving", "fixed"} <= entry.keys():
                raise DataError(f"{self.path}: {key}[{i}] must have `fixed` and `moving`. Received: {entry!r}")
            pairs.append(Pair(self._scan(entry["moving"]), self._scan(entry["fixed"])))
        return pairs

    def _scan(self, entry: Any) -> Subject:
        entry = entry if isinstance(entry, dict) else {"image": entry}
        if not isinstance(entry.get("image"), str):
            raise DataError(f"{self.path}: a scan is a path or has an `image`. Received: {entry!r}")
        image = self._file(entry["image"])
        if image not in self._scans:
            name = file_stem(image)
            match = re.fullmatch(r"(.+)_(\d{4})", name)
            person, channel = (match[1], match[2]) if match else (name, "")
            modality = (self.data.get("modality") or {}).get(str(int(channel)), channel) if channel else ""
            files = {kind: self._partner(image, entry, kind) for kind in PARTNERS}
            self._scans[image] = Subject(id=name, image=image, subject=person, modality=modality, **files)
        return self._scans[image]

    def _partner(self, image: Path, entry: dict[str, Any], kind: str) -> Path | None:
        path = self._said(entry, kind) or self._in_folders(image, kind)
        return world_points(path, image) if path and kind == "points" else path

    def _said(self, entry: dict[str, Any], kind: str) -> Path | None:
        keys = [key for name in PARTNERS[kind] for key in (name, name.removesuffix("s"))]
        said = next((entry[key] for key in keys if isinstance(entry.get(key), str)), None)
        return self._file(said) if said else None

    def _in_folders(self, image: Path, kind: str) -> Path | None:
        for folder in PARTNERS[kind]:
            name = f"{file_stem(image)}.csv" if kind == "points" else image.name
            path = image.parent.with_name(image.parent.name.replace("images", folder)) / name
            if path.parent != image.parent and path.is_file():
                return path
        return None

    def _file(self, name: str) -> Path:
        path = absolute(self.path.parent / name)
        if not path.is_file():
            raise DataError(f"{self.path}: lists a file that is not there: {path}.")
        return path
