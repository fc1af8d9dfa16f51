"""Registering images with a trained network: any two grids in, everything on the images' own grids out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfregkit.data.settings import NormalisationSettings
from tfregkit.errors import ConfigError
from tfregkit.inference import about, trained
from tfregkit.inference.field import both_ways
from tfregkit.inference.fit import Report
from tfregkit.inference.forward import Forward
from tfregkit.inference.prepared import Prepared, prepare
from tfregkit.inference.refine import learnt
from tfregkit.inference.refine import refine as refine_pair
from tfregkit.inference.result import Result
from tfregkit.inference.segmentation import Segmentation, segment
from tfregkit.inference.segmenter import Segmenter
from tfregkit.inference.tiled import Tiled
from tfregkit.inference.tiling import Sizes, Tiling
from tfregkit.inference.timing import share, timed
from tfregkit.inference.transform import Transform
from tfregkit.lambdas import checked
from tfregkit.models.base import Network, Stitcher
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
        objective: Gives what training minimised, with the weights its terms have learnt; needed by `refine`, and for
            the similarity of the affine fit. Called once, when first needed.
        start: The affine start when `register` is given none: `header`, `centre` or `moments`.
        about: What the sidecars tell about the run.
        chosen_lambda: Gives the lambda that was chosen for the run, if any, when `register` is given none.
    """

    network: Network
    spacing: float | tuple[float, float, float]
    moving_normalisation: NormalisationSettings = NormalisationSettings()
    fixed_normalisation: NormalisationSettings = NormalisationSettings()
    objective: Callable[[], Objective] | None = None
    start: str = "header"
    about: dict[str, Any] = field(default_factory=dict)
    chosen_lambda: Callable[[], float | None] = lambda: None

    def __post_init__(self) -> None:
        self.forward = Forward(self.network)

    def register(
        self, moving: Any, fixed: Any, *, lam: float | Sequence[float] | None = None, **options: Any
    ) -> Result | list[Result]:
        """Register a moving to a fixed image.

        Both are put on a working grid (the fixed image's field of view in RAS at the training spacing, padded to the
        network's stride), the moving one through the affine start. The result lives on the images' own grids.

        Args:
            moving: A path or nibabel image.
            fixed: A path or nibabel image.
            lam: The weight of the regularity in [0, 1], for a network that is conditioned on it; several give a list of
                results in their order, and what does not depend on lambda is done once. By default the one that
                `tfregkit sweep` chose for the run.
            **options: Those of `register_each`.

        Raises:
            DataError: When an image cannot be used, or the two do not overlap.
            ConfigError: When `lam` is missing or not taken, or something needs an objective that is not there.
        """
        results = list(self.register_each(moving, fixed, lam, **options))
        return results[0] if np.ndim(lam) == 0 else results

    def register_each(
        self,
        moving: Any,
        fixed: Any,
        lam: float | Sequence[float] | None = None,
        *,
        init: Any = None,
        affine: bool | Similarity = False,
        refine: int = 0,
        tile: Sizes | Tiling | None = None,
        tile_overlap: Sizes | None = None,
        stitcher: Stitcher | str | Path | None = None,
        moving_mask: Any = None,
        fixed_mask: Any = None,
        progress: Progress | None = None,
    ) -> Iterator[Result]:
        """As `register`, but the results come one by one: whoever lets go of each needs memory for a few at most.

        Args:
            moving: A path or nibabel image.
            fixed: A path or nibabel image.
            lam: One lambda, several, or None.
            init: The affine start: `header`, `centre`, `moments`, an ITK affine file, or a matrix of RAS mm.
            affine: Whether to optimise 12 affine parameters from there, with the run's similarity or the given one.
            refine: Steps of optimisation for this pair alone, after the network, for each lambda.
            tile: The most voxels of the working grid along an axis that the network sees at once; None: all. Or a
                `Tiling`, made once for many pairs.
            tile_overlap: The fewest that neighbours share, and are blended over; by default a quarter of `tile`.
            stitcher: Puts tiles together that do not overlap: a stitcher, or a run whose network has a trained one.
            moving_mask: A mask on the moving image's grid, where the run's normalisation looks at masks.
            fixed_mask: The same for the fixed image.
            progress: Called after every step of an optimisation.
        """
        lambdas, origin = self.lambdas(lam)
        if refine and self._objective is None:
            raise ConfigError("`refine` descends the run's objective, and this registration has none.")
        tiling = Tiling.of(tile, tile_overlap, stitcher)
        masks = moving_mask, fixed_mask
        pair = self.prepared(moving, fixed, tiling, masks=masks, init=init, affine=affine, progress=progress)
        story = {**self._story(pair), "affine_optimised": affine is not False, "refine_steps": refine}
        return self._results(pair, tiling, lambdas, {**story, "lambda_from": origin}, _named(progress, "refine"))

    def prepared(
        self,
        moving: Any,
        fixed: Any,
        tiling: Tiling | None = None,
        *,
        masks: tuple[Any, Any] = (None, None),
        init: Any = None,
        affine: bool | Similarity = False,
        progress: Progress | None = None,
    ) -> Prepared:
        """A pair as the network is to see it, whole or in tiles; arguments as those of `register_each`."""
        tiles = tiling or Tiling()
        return prepare(
            moving,
            fixed,
            plan=lambda grid: tiles.plan(grid, self.spacing, self.network.stride),
            normalisation=(self.moving_normalisation, self.fixed_normalisation),
            masks=masks,
            init=init if init is not None else self.start,
            affine=None if affine is False else self._similarity() if affine is True else affine,
            report=_named(progress, "affine"),
        )

    def segment(self, image: Any, atlases: Sequence[Any], **options: Any) -> Segmentation:
        """Label an image by registering labelled atlases to it: see `inference.segmentation.segment`."""
        return segment(self, image, atlases, **options)

    def lambdas(self, lam: float | Sequence[float] | None = None) -> tuple[list[float | None], str | None]:
        """The lambdas to register at, `[None]` for a network that takes none, and where they are from.

        Returns:
            The list, and `given`, `sweep` (the one chosen for the run) or None.

        Raises:
            ConfigError: When they are missing, not taken, or outside [0, 1].
        """
        if not self.network.conditioned:
            if lam is not None:
                raise ConfigError("this run was trained at one fixed regularisation; it takes no `--lambda`.")
            return [None], None
        if lam is None:
            chosen = self.chosen_lambda()
            if chosen is None:
                raise ConfigError(
                    "this run is conditioned on lambda: choose one in [0, 1] (`--lambda 0.1`; `evaluate --lambdas "
                    "0.1`), or let `tfregkit sweep` choose one for the run."
                )
            return [chosen], "sweep"
        try:
            return list(checked(np.atleast_1d(lam).tolist())), "given"
        except ValueError as error:
            raise ConfigError(f"`lam`, `--lambda`: {error}") from None

    def _results(
        self,
        pair: Prepared,
        tiling: Tiling,
        lambdas: list[float | None],
        story: dict[str, Any],
        report: Report | None,
    ) -> Iterator[Result]:
        before = share(pair.seconds, len(lambdas))
        network = Tiled(self.forward, pair.layout, tiling.stitcher)
        for lam, (outputs, spent) in zip(lambdas, network(pair.batch, lambdas), strict=True):
            seconds = {**before, **spent}
            if steps := story["refine_steps"]:
                with timed(seconds, "refine"):
                    images = pair.batch["moving"], pair.batch["fixed"]
                    outputs = refine_pair(outputs, *images, self._objective, steps, lam=lam, report=report)
            with timed(seconds, "warp"):
                forward, backward = both_ways(outputs, pair.grid)
            came_out = about.describe_field(outputs["displacement"][0], pair.layout, tiling.source)
            yield Result(
                pair.moving,
                pair.fixed,
                Transform((forward, pair.start)),
                Transform((np.linalg.inv(pair.start), backward)),
                Transform((pair.start,)),
                {**story, "lambda": lam, **came_out},
                seconds,
            )

    def _similarity(self) -> Similarity:
        """The run's own first similarity, if it has no trained weights; else local NCC."""
        terms = self._objective.depending_on(("displacement",)).terms.values() if self._objective else ()
        own = [term for term in terms if isinstance(term, Similarity) and not learnt(term)]
        if own:
            return own[0]
        from tfregkit import build

        return build("similarity", "ncc")

    @cached_property
    def _objective(self) -> Objective | None:
        return self.objective() if self.objective else None

    def _story(self, pair: Prepared) -> dict[str, Any]:
        return {
            "moving": about.describe_image(pair.moving),
            "fixed": about.describe_image(pair.fixed),
            "working_grid": about.describe_grid(pair.grid),
            "affine_start_ras_mm": pair.start.tolist(),
            "run": self.about,
            "versions": about.versions(),
        }


def load_run(run: Any) -> Registration | Segmenter:
    """Open a trained run for use: to register, or, where its network segments, to segment.

    Args:
        run: Its directory, or a `Run`.

    Raises:
        RunError: When there is no such run, or it has no trained network.
    """
    from tfregkit.training.run import Run

    opened = run if isinstance(run, Run) else Run.open(Path(run))
    stage = opened.experiment.stages[-1]
    data, network = stage.data, opened.network()
    if network.structures is not None:
        normalisation = data.normalisation_of("fixed")
        about_run, seen = {"path": str(opened.path)}, trained.shape(opened)
        return Segmenter(network, trained.spacing(opened), normalisation, about_run, crop=data.crop, whole=seen)
    return Registration(
        network,
        trained.spacing(opened),
        data.normalisation_of("moving"),
        data.normalisation_of("fixed"),
        opened.objective,
        start="header" if data.grid.mode in ("resample", "own") else "centre",
        about={"path": str(opened.path)},
        chosen_lambda=lambda: trained.chosen_lambda(opened),
    )


def _named(progress: Progress | None, name: str) -> Report | None:
    if progress is None:
        return None
    return lambda step, steps, loss: progress(name, step, steps, loss)
