"""ANTs SyN with its library's defaults, as something the project's own evaluation registers pairs with."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tfregkit.data.base import Pair
from tfregkit.evaluation.evaluate import build_metrics
from tfregkit.evaluation.measure import measured
from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit.evaluation.table import Row, Summary, printed, summarise, write_table
from tfregkit.inference.transform import Transform
from tfregkit.inference.warps import read_warp


@dataclass(frozen=True, eq=False)
class Found:
    """What the evaluation looks at of a registered pair."""

    transform: Transform
    inverse: Transform
    seconds: dict[str, float]
    initial: Transform = Transform()


class SyN:
    """Affine start, then SyN with mutual information; the affine and the warp become one field each way."""

    def register_each(self, moving: Path, fixed: Path, lambdas: None = None, **masks) -> Iterator[Found]:
        """One result; SyN's defaults know neither lambda nor masks."""
        import ants

        images = {"moving": ants.image_read(str(moving)), "fixed": ants.image_read(str(fixed))}
        started = time.perf_counter()
        found = ants.registration(images["fixed"], images["moving"], type_of_transform="SyN")
        seconds = {"registration": time.perf_counter() - started}
        with tempfile.TemporaryDirectory() as folder:
            there = ants.apply_transforms(
                images["fixed"], images["moving"], found["fwdtransforms"], compose=f"{folder}/there"
            )
            back = ants.apply_transforms(
                images["moving"], images["fixed"], found["invtransforms"], whichtoinvert=[True, False],
                compose=f"{folder}/back",
            )  # fmt: skip
            yield Found(*(Transform((read_warp(path),)) for path in (there, back)), seconds)


def evaluate_syn(pairs: Sequence[Pair], settings: EvaluationSettings, out: Path) -> None:
    """Register and measure pairs as a run's are, and write the same tables."""
    metrics, rows = build_metrics(settings), []
    for pair in pairs:
        for found in measured(SyN(), pair, [None], metrics, settings.directions):
            if found.failure:
                raise SystemExit(f"{pair.id}: {found.failure}")
            rows += found.rows
            print(f"{pair.id}: {found.rows[-1].after:.1f} s", flush=True)
    summary = summarise(rows, metrics)
    write_table(out / "metrics.csv", rows, Row)
    write_table(out / "summary.csv", summary, Summary)
    Console().print(printed(summary))
