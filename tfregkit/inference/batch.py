"""Registering a table of pairs: a pair that cannot be used is reported, the others go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfregkit.data.base import Pair
from tfregkit.data.volume import save_image
from tfregkit.errors import DataError
from tfregkit.inference.outcomes import Outcome, each_on_its_own
from tfregkit.inference.registration import Registration
from tfregkit.inference.result import Result
from tfregkit.inference.warps import WarpForm
from tfregkit.lambdas import with_lambda


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
    folder = Path(out_dir)
    names = [pair.id.replace("/", "_") for pair in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"two pairs have the same name: {twice[0]}. Give them `moving_id` and `fixed_id`.")
    several = np.ndim(options.get("lam")) > 0

    def work(place: int) -> None:
        pair = pairs[place]
        for result in registration.register_each(pair.moving.image, pair.fixed.image, **_masks(pair), **options):
            lam = result.about["lambda"] if several else None
            _save(result, pair, folder / names[place], warp_format, warps, lam)

    return each_on_its_own(names, work, folder / "registrations.csv", "pair", each)


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
