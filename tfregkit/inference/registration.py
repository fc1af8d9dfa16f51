"""Registering images with a trained network: any two grids in, everything on the images' own grids out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from tfregkit.backend.loop import compiled
from tfregkit.data.settings import NormalisationSettings
from tfregkit.data.volume import Grid, Volume, check_overlap, working_grid
from tfregkit.errors import ConfigError, RunError
from tfregkit.inference import about
from tfregkit.inference.affine_fit import fit_affine
from tfregkit.inference.affine_start import affine_start
from tfregkit.inference.field import Field
from tfregkit.inference.fit import Report
from tfregkit.inference.inputs import normalised, on_grid, readable, seen_from_fixed
from tfregkit.inference.refine import learnt
from tfregkit.inference.refine import refine as refine_pair
from tfregkit.inference.result import Result
from tfregkit.inference.transform import Transform
from tfregkit.models.base import Network
from tfregkit.objective.base import Similarity
from tfregkit.objective.objective import Objective

Progress = Callable[[str, int, int, float], None]
"""Called after every step of an optimisation: which one (`affine` or `refine`), step, steps, loss."""


@dataclass(eq=False)
class Registration:
    """A network with what it needs to be used: the spacing and the intensities it was trained with.

    Args:
        network: The trained network.
        spacing: Voxel size in mm of the working grid, one number or one for each of R, A, S.
        moving_normalisation: How moving images are normalised.
        fixed_normalisation: How fixed images are normalised.
        objective: What training minimised; needed by `refine`, and for the similarity of the affine fit.
        start: The affine start when `register` is given none: `header`, `centre` or `moments`.
        about: What the sidecars tell about the run.
    """

    network: Network
    spacing: float | tuple[float, float, float]
    moving_normalisation: NormalisationSettings = NormalisationSettings()
    fixed_normalisation: NormalisationSettings = NormalisationSettings()
    objective: Objective | None = None
    start: str = "header"
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._predict = compiled(lambda inputs: self.network(inputs, training=False))

    def register(
        self,
        moving: Any,
        fixed: Any,
        *,
        lam: float | None = None,
        init: Any = None,
        affine: bool | Similarity = False,
        refine: int = 0,
        moving_mask: Any = None,
        fixed_mask: Any = None,
        progress: Progress | None = None,
    ) -> Result:
        """Register a moving to a fixed image.

        Both are put on a working grid (the fixed image's field of view in RAS at the training spacing, padded to the
        network's stride), the moving one through the affine start. The result lives on the images' own grids.

        Args:
            moving: A path or nibabel image.
            fixed: A path or nibabel image.
            lam: The weight of the regularity in [0, 1], for a network that is conditioned on it.
            init: The affine start: `header`, `centre`, `moments`, an ITK affine file, or a matrix of RAS mm.
            affine: Whether to optimise 12 affine parameters from there, with the run's similarity or the given one.
            refine: Steps of optimisation for this pair alone, after the network.
            moving_mask: A mask on the moving image's grid, where the run's normalisation looks at masks.
            fixed_mask: The same for the fixed image.
            progress: Called after every step of an optimisation.

        Raises:
            DataError: When an image cannot be used, or the two do not overlap.
            ConfigError: When `lam` is missing or not taken, or something needs an objective that is not there.
        """
        self._check_lambda(lam)
        seconds: dict[str, float] = {}
        with _timed(seconds, "read"):
            moving_volume, fixed_volume = (readable(source) for source in (moving, fixed))
        with _timed(seconds, "prepare"):
            pulled = normalised(moving_volume, self.moving_normalisation, moving_mask)
            still = normalised(fixed_volume, self.fixed_normalisation, fixed_mask)
        with _timed(seconds, "start"):
            start = affine_start(init if init is not None else self.start, moving_volume, fixed_volume)
            check_overlap(seen_from_fixed(moving_volume, start), fixed_volume)
            if affine is not False:
                similarity = self._similarity() if affine is True else affine
                start = fit_affine(pulled, still, similarity, start, report=_named(progress, "affine"))
        with _timed(seconds, "prepare"):
            grid = working_grid(fixed_volume.grid, self.spacing, self.network.stride)
            batch = {"moving": on_grid(pulled, grid, start), "fixed": on_grid(still, grid, np.eye(4))}
        with _timed(seconds, "network"):
            outputs = self._outputs(batch, lam)
        if refine:
            with _timed(seconds, "refine"):
                outputs = self._refined(outputs, batch, refine, lam, progress)
        with _timed(seconds, "warp"):
            forward, backward = _fields(outputs, grid)
        details = {"lambda": lam, "affine_optimised": affine is not False, "refine_steps": refine}
        return Result(
            moving_volume,
            fixed_volume,
            Transform((forward, start)),
            Transform((np.linalg.inv(start), backward)),
            Transform((start,)),
            {**self._story(moving_volume, fixed_volume, grid, start), **details, **_folds(outputs)},
            seconds,
        )

    def _check_lambda(self, lam: float | None) -> None:
        if self.network.conditioned and lam is None:
            raise ConfigError("this run is conditioned on lambda: choose one in [0, 1] (`--lambda 0.1`).")
        if not self.network.conditioned and lam is not None:
            raise ConfigError("this run was trained at one fixed regularisation; it takes no `--lambda`.")
        if lam is not None and not 0 <= lam <= 1:
            raise ConfigError(f"`--lambda` must lie in [0, 1]. Received: {lam}")

    def _similarity(self) -> Similarity:
        """The run's own first similarity, if it has no trained weights; else local NCC."""
        terms = self.objective.terms.values() if self.objective else ()
        own = [term for term in terms if isinstance(term, Similarity) and not learnt(term)]
        if own:
            return own[0]
        from tfregkit import build

        return build("similarity", "ncc")

    def _outputs(self, batch: dict[str, np.ndarray], lam: float | None) -> dict[str, np.ndarray]:
        inputs = dict(batch) if lam is None else {**batch, "lam": np.full((1, 1), lam, dtype=np.float32)}
        found = self._predict({name: ops.convert_to_tensor(value) for name, value in inputs.items()})
        outputs = {
            name: np.asarray(ops.convert_to_numpy(found[name]), dtype=np.float32)
            for name in ("displacement", "inverse", "velocity")
            if name in found
        }
        if not np.isfinite(outputs["displacement"]).all():
            raise RunError("the network gave a displacement that is not finite. Was the run's training healthy?")
        return outputs

    def _refined(
        self,
        outputs: dict[str, np.ndarray],
        batch: dict[str, np.ndarray],
        steps: int,
        lam: float | None,
        progress: Progress | None,
    ) -> dict[str, np.ndarray]:
        if self.objective is None:
            raise ConfigError("`refine` descends the run's objective, and this registration has none.")
        if own := [name for name, term in self.objective.terms.items() if learnt(term)]:
            raise ConfigError(f"`refine` cannot descend `{own[0]}`: its weights were trained with the run.")
        report = _named(progress, "refine")
        return refine_pair(outputs, batch["moving"], batch["fixed"], self.objective, steps, lam=lam, report=report)

    def _story(self, moving: Volume, fixed: Volume, grid: Grid, start: np.ndarray) -> dict[str, Any]:
        return {
            "moving": about.describe_image(moving),
            "fixed": about.describe_image(fixed),
            "working_grid": about.describe_grid(grid),
            "affine_start_ras_mm": start.tolist(),
            "run": self.about,
            "versions": about.versions(),
        }


def load_run(run: Any) -> Registration:
    """Open a trained run for use.

    Args:
        run: Its directory, or a `Run`.

    Raises:
        RunError: When there is no such run, or it has no trained network.
    """
    from tfregkit.training.run import Run

    opened = run if isinstance(run, Run) else Run.open(Path(run))
    stage = opened.experiment.stages[-1]
    data = stage.data
    return Registration(
        opened.network(),
        _spacing(opened, stage),
        data.normalisation_of("moving"),
        data.normalisation_of("fixed"),
        Objective.from_settings(stage.objective),
        start="header" if data.grid.mode == "resample" else "centre",
        about={"path": str(opened.path)},
    )


def _spacing(run: Any, stage: Any) -> Any:
    """The training grid's: as configured, or as the checkpoint says when it was taken from the scans."""
    from tfregkit.training.checkpoint import read_facts

    if stage.data.grid.spacing is not None:
        return stage.data.grid.spacing
    checkpoints = run.checkpoints(len(run.experiment.stages))
    path = checkpoints.best if checkpoints.best.is_file() else checkpoints.path(checkpoints.steps()[-1])
    facts = read_facts(path)
    if "spacing" not in facts:
        raise RunError(f"{path}: does not say the spacing of the training grid. Set data.grid.spacing in the run.")
    return tuple(facts["spacing"])


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - started


def _fields(outputs: dict[str, np.ndarray], grid: Grid) -> tuple[Field, Field]:
    """The displacement and its inverse; by fixed-point iteration where the network gives none."""
    forward = Field.from_voxels(grid, outputs["displacement"][0])
    if "inverse" in outputs:
        return forward, Field.from_voxels(grid, outputs["inverse"][0])
    return forward, forward.inverted()


def _folds(outputs: dict[str, np.ndarray]) -> dict[str, Any]:
    return {"deformation": about.describe_field(outputs["displacement"][0])}


def _named(progress: Progress | None, name: str) -> Report | None:
    if progress is None:
        return None
    return lambda step, steps, loss: progress(name, step, steps, loss)
