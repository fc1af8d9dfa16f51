"""Made-up people with a real anatomy and a known truth: something to train on without any data of one's own."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from tfregkit.api import Dataset, Grid, Split, Subject, atomic_path, make_split, user_cache_folder, write_volume
from tfregkit_plugins.datasets.demo_anatomy import STRUCTURES, Anatomy, load_anatomy
from tfregkit_plugins.datasets.demo_person import Person, make_person

VERSION = 1
MARGIN_MM = 4.0
Modality = Literal["T1", "T2"]


class Demo(Dataset):
    """People drawn from the MNI152 template by random diffeomorphisms and changes of contrast.

    Image i is `T(x + u_i(x))`; its landmarks are the template's, carried along exactly, so the TRE of a registration is
    its endpoint error. `T2` is a made-up contrast (the T1 turned over), for trying multi-modal registration. The files
    (NIfTI images and label maps, CSV landmarks) are written once, offline, and are the same for every seed of a run.

    Args:
        subjects: How many people.
        validation: How many of them validate.
        test: How many of them test.
        spacing: Voxel size in mm.
        displacement: Root mean square length of a person's velocity, in mm; displacements are about as long. The
            velocity fades to 0 at the image's edge.
        contrast: Strength of the changes of intensity; 0 for none.
        points: Landmarks per person.
        seed: Which people.
        moving_modality: Of the scans that move.
        fixed_modality: Of the scans that are registered to.
        folder: Where the files are written. Default: the user's cache folder.
    """

    def __init__(
        self,
        *,
        subjects: Annotated[int, Field(ge=2)] = 12,
        validation: NonNegativeInt = 2,
        test: NonNegativeInt = 2,
        spacing: Annotated[float, Field(ge=1, le=8)] = 3.0,
        displacement: PositiveFloat = 5.0,
        contrast: Annotated[float, Field(ge=0, le=3)] = 1.0,
        points: PositiveInt = 200,
        seed: NonNegativeInt = 0,
        moving_modality: Modality = "T1",
        fixed_modality: Modality = "T1",
        folder: Path | None = None,
    ) -> None:
        if subjects - validation - test < 2:
            raise ValueError(
                "`subjects` must leave two to train after `validation` and `test`. "
                f"Received: subjects={subjects}, validation={validation}, test={test}"
            )
        self.counts = {"train": subjects - validation - test, "validation": validation, "test": test}
        self.drawing: dict[str, Any] = {
            "version": VERSION,
            "subjects": subjects,
            "spacing": float(spacing),
            "displacement": float(displacement),
            "contrast": float(contrast),
            "points": points,
            "seed": seed,
        }
        self.modalities = {"moving_modality": moving_modality, "fixed_modality": fixed_modality}
        self.folder = folder

    def split(self, seed: int) -> Split:
        """See `Dataset.split`. The first people train, the last ones test."""
        folder = self.files()
        people = [f"sub-{i + 1:02d}" for i in range(self.drawing["subjects"])]
        parts = [part for part, count in self.counts.items() for _ in range(count)]
        scans = [
            Subject(
                id=f"{person}_{modality}",
                image=folder / f"{person}_{modality}.nii.gz",
                subject=person,
                modality=modality,
                labels=folder / f"{person}_labels.nii.gz",
                points=folder / f"{person}_points.csv",
            )
            for person in people
            for modality in dict.fromkeys(self.modalities.values())
        ]
        return make_split(scans, seed, source="demo", assigned=dict(zip(people, parts, strict=True)), **self.modalities)

    def files(self) -> Path:
        """The folder with the files, which are made first if they are not there."""
        key = hashlib.sha256(json.dumps(self.drawing, sort_keys=True).encode()).hexdigest()[:12]
        folder = (self.folder or user_cache_folder() / "demo") / key
        if not folder.is_dir():
            try:
                with atomic_path(folder) as aside:
                    self._write(aside)
            except OSError:
                if not folder.is_dir():  # otherwise another process was quicker, with the same files
                    raise
        return folder

    def _write(self, folder: Path) -> None:
        drawing = self.drawing
        anatomy = load_anatomy(drawing["spacing"], drawing["points"])
        grid = _grid(anatomy, drawing["spacing"])
        folder.mkdir()
        (folder / "structures.json").write_text(json.dumps({name: [i] for name, i in STRUCTURES.items()}, indent=1))
        (folder / "drawing.json").write_text(json.dumps(drawing, indent=1))
        for i in range(drawing["subjects"]):
            person = make_person(
                anatomy, grid, drawing["displacement"], drawing["contrast"], [drawing["seed"], drawing["version"], i]
            )
            _write_person(folder / f"sub-{i + 1:02d}", person, grid)


def _grid(anatomy: Anatomy, spacing: float) -> Grid:
    """The brain's box and a margin, at the spacing."""
    inside = np.argwhere(anatomy.brain > 0.5)
    low, high = inside.min(axis=0) - MARGIN_MM, inside.max(axis=0) + MARGIN_MM
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = anatomy.affine[:3, :3] @ low + anatomy.affine[:3, 3]
    return Grid(tuple(int(n) for n in np.ceil((high - low) / spacing) + 1), affine)


def _write_person(stem: Path, person: Person, grid: Grid) -> None:
    for modality, image in person.images.items():
        write_volume(f"{os.fspath(stem)}_{modality}.nii.gz", image, grid, dtype=np.int16)
    write_volume(f"{os.fspath(stem)}_labels.nii.gz", person.labels, grid, dtype=np.uint8)
    rows = "".join(f"{x:.4f},{y:.4f},{z:.4f}\n" for x, y, z in person.points_mm)
    Path(f"{os.fspath(stem)}_points.csv").write_text("x,y,z\n" + rows)
