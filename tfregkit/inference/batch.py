"""Registering a table of pairs: a pair that cannot be used is reported, the others go on."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from tfregkit.data.base import Pair
from tfregkit.data.volume import save_image
from tfregkit.errors import DataError, TfregkitError
from tfregkit.files import write_text
from tfregkit.inference.registration import Registration
from tfregkit.inference.result import Result
from tfregkit.inference.warps import WarpForm
from tfregkit.lambdas import with_lambda


@dataclass(frozen=True)
class Outcome:
    """What became of a pair: `status` is `done` or `failed`, `message` the reason."""

    pair: str
    status: str
    seconds: float
    message: str = ""


def register_pairs(
    registration: Registration,
    pairs: Sequence[Pair],
    out_dir: str | Path,
    *,
    warp_format: WarpForm = "ants",
    warps: bool = True,
    each: Callable[[Outcome], None] | None = None,
    **options: Any,
) -> list[Outcome]:
    """Register every pair and write its files as `<pair>_moved.nii.gz`, `_warp`, `_inverse_warp` and `_moved_labels`.

    With several lambdas there are files for each: `<pair>_moved_lambda0.05.nii.gz`.
    `registrations.csv` in the same folder lists the outcomes; it is brought up to date after every pair.

    Args:
        registration: The run.
        pairs: The pairs; labels of the moving scan are carried over where there are any.
        out_dir: The folder to write to.
        warp_format: `ants`, `nifti` or `voxel`.
        warps: Whether to write the warps.
        each: Called with every outcome.
        **options: Passed on to `Registration.register_each`.

    Returns:
        The outcomes, in the order of the pairs.

    Raises:
        DataError: When two pairs would write to the same files.
    """
    folder, outcomes = Path(out_dir), []
    names = [pair.id.replace("/", "_") for pair in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"two pairs have the same name: {twice[0]}. Give them `moving_id` and `fixed_id`.")
    several = np.ndim(options.get("lam")) > 0
    for name, pair in zip(names, pairs, strict=True):
        started = time.perf_counter()
        try:
            for result in registration.register_each(pair.moving.image, pair.fixed.image, **_masks(pair), **options):
                lam = result.about["lambda"] if several else None
                _save(result, pair, folder / name, warp_format, warps, lam)
            outcome = Outcome(name, "done", time.perf_counter() - started)
        except Exception as error:  # whatever it is, the other pairs go on
            message = str(error) if isinstance(error, TfregkitError) else f"{type(error).__name__}: {error}"
            outcome = Outcome(name, "failed", time.perf_counter() - started, message)
        outcomes.append(outcome)
        _write_table(folder / "registrations.csv", outcomes)
        if each is not None:
            each(outcome)
    return outcomes


def _masks(pair: Pair) -> dict[str, Path]:
    masks = {"moving_mask": pair.moving.mask, "fixed_mask": pair.fixed.mask}
    return {name: mask for name, mask in masks.items() if mask is not None}


def _save(result: Result, pair: Pair, stem: Path, warp_format: WarpForm, warps: bool, lam: float | None) -> None:
    def path(kind: str) -> Path:
        return with_lambda(stem.with_name(f"{stem.name}_{kind}.nii.gz"), lam)

    labels = None if pair.moving.labels is None else result.moved_labels(pair.moving.labels)
    kinds = ("moved", "warp", "inverse_warp") if warps else ("moved",)
    result.save(**{kind: path(kind) for kind in kinds}, warp_format=warp_format)
    if labels is not None:
        save_image(labels, path("moved_labels"))


def _write_table(path: Path, outcomes: list[Outcome]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Outcome)], lineterminator="\n")
    writer.writeheader()
    for outcome in outcomes:
        writer.writerow({**asdict(outcome), "seconds": f"{outcome.seconds:.2f}"})
    write_text(path, text.getvalue())
