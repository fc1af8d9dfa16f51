"""The scans of a training run, prepared on its grid and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from tfregkit.data.base import Subject
from tfregkit.data.cache import Cache, load_array
from tfregkit.data.crops import label_places
from tfregkit.data.grid import Grid
from tfregkit.data.own_grids import OwnGrids
from tfregkit.data.prepare import prepare_image, prepare_labels, prepare_mask
from tfregkit.data.settings import DataSettings
from tfregkit.errors import DataError

Role = Literal["moving", "fixed"]
ROLES: tuple[Role, Role] = ("moving", "fixed")
Progress = Callable[[int, int], None]
"""Called with (done, total) while scans are prepared."""


class Scans:
    """Prepared images, label maps and masks of scans, by scan and role.

    Args:
        settings: Normalisation and the grid's mode.
        grid: The common grid, or the scans' own.
        cache: Where prepared arrays are kept.
    """

    def __init__(self, settings: DataSettings, grid: Grid | OwnGrids, cache: Cache) -> None:
        self.settings, self.grid, self.cache = settings, grid, cache
        self.own = isinstance(grid, OwnGrids)
        self._files: dict[tuple[Subject, Role], dict[str, Path]] = {}

    def prepare(self, wanted: Iterable[tuple[Subject, Role]], progress: Progress | None = None) -> None:
        """Prepare scans on `workers` threads, so that every bad file is known before training.

        Raises:
            DataError: With one line per bad file, at most ten.
        """
        wanted, problems = list(wanted), []
        with ThreadPoolExecutor(self.settings.workers) as pool:
            jobs = [pool.submit(self.files, scan, role) for scan, role in wanted]
            for done, job in enumerate(jobs, start=1):
                try:
                    job.result()
                except DataError as error:
                    problems.append(str(error))
                if progress:
                    progress(done, len(jobs))
        problems = list(dict.fromkeys(problems))
        if problems:
            more = [f"... and {len(problems) - 10} more bad files."] if len(problems) > 10 else []
            raise DataError("\n".join([*problems[:10], *more]))

    def files(self, scan: Subject, role: Role) -> dict[str, Path]:
        """The prepared arrays' paths by `image`, `labels`, `mask` (those the scan has), made first if need be.

        On its own grid a labelled scan also has `places`, see `label_places`.
        """
        key = (scan, role)
        if key not in self._files:  # two threads may both prepare it: the cache lets them
            self._files[key] = self._prepared(scan, role)
        return self._files[key]

    def load(self, scan: Subject, role: Role) -> dict[str, np.ndarray]:
        """The arrays `(X, Y, Z)`, memory-mapped and read-only."""
        return {kind: load_array(path) for kind, path in self.files(scan, role).items() if kind != "places"}

    def places(self, scan: Subject, role: Role) -> np.ndarray:
        """Voxels to centre crops on, see `label_places`; none of a scan without labels."""
        path = self.files(scan, role).get("places")
        return np.zeros((0, 4), np.int32) if path is None else load_array(path)

    def _prepared(self, scan: Subject, role: Role) -> dict[str, Path]:
        grid, mode = self.grid.of(scan) if self.own else self.grid, self.settings.grid.mode
        normalisation = (scan.source and scan.source.normalisation) or self.settings.normalisation_of(role)
        place = {"shape": grid.shape, "affine": grid.affine.round(6).tolist(), "mode": mode}
        masked = [scan.mask] if scan.mask and normalisation.region == "mask" else []
        makers = {"image": partial(prepare_image, settings=normalisation)}
        if scan.labels:
            makers["labels"] = prepare_labels
        if scan.mask:
            makers["mask"] = prepare_mask
        # The image is a source of all: label maps and masks are checked against its grid.
        sources = {"image": masked, "labels": [scan.labels], "mask": [scan.mask]}
        classes = [[found.number, *found.values] for found in scan.source.classes] if scan.source else None
        recipes = {"image": {"normalisation": normalisation.plain()}, "labels": {"classes": classes} if classes else {}}
        files = {}
        try:
            for kind, maker in makers.items():
                recipe = {"kind": kind, **place, **recipes.get(kind, {})}
                make = partial(maker, scan, grid, mode)
                files[kind] = self.cache.get([scan.image, *sources[kind]], recipe, make)
            if self.own and scan.labels:
                recipe = {"kind": "places", **place, **recipes["labels"]}
                make = partial(_places, files["labels"])
                files["places"] = self.cache.get([scan.image, scan.labels], recipe, make)
        except FileNotFoundError as error:
            raise DataError(f"{error.filename}: there is no such file.") from error
        return files


def _places(labels: Path) -> np.ndarray:
    return label_places(np.asarray(load_array(labels)))
