"""Metrics of single images that a network has segmented."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfregkit.data.base import Pair
from tfregkit.data.companion import labels_of
from tfregkit.data.roles import each_alone
from tfregkit.data.volume import read_volume
from tfregkit.errors import ConfigError, DataError, reason
from tfregkit.evaluation.base import Case, Direction, Metric
from tfregkit.evaluation.measure import Measured
from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit.evaluation.table import SECONDS, Row


def without_registration(
    settings: EvaluationSettings, pairs: Sequence[Pair]
) -> tuple[EvaluationSettings, Sequence[Pair]]:
    """The settings for a run whose network segments, and the scans it is measured on: the fixed ones, alone.

    Of the metrics those stay that compare label maps.

    Raises:
        ConfigError: When none is left, or something is set that belongs to registering.
    """
    if settings.lambdas is not None or settings.refine:
        raise ConfigError("evaluation: `lambdas` and `refine` are for runs that register; this run's network segments.")
    metrics = [spec for spec in settings.metrics if spec.component.compares_labels]
    if not metrics:
        named = ", ".join(f"`{spec.name}`" for spec in settings.metrics)
        raise ConfigError(
            f"evaluation.metrics: this run's network segments, and {named} measure registrations. Take dice or hd95."
        )
    return settings.model_copy(update={"metrics": metrics}), each_alone(pairs, "fixed")


def segmented(
    segmenter: Any,
    pair: Pair,
    lambdas: Sequence[None],
    metrics: Mapping[str, Metric],
    directions: Sequence[Direction] = (),
    **options: Any,
) -> Iterator[Measured]:
    """Segment a scan and compare it with its label map, on its own grid. As `measured`; there is no "before".

    Label values of no structure are background in both maps; rows have the structures' names.
    """
    try:
        scan, structures = pair.fixed, segmenter.network.structures
        if scan.labels is None:
            raise DataError(f"{scan.image}: has no label map to compare its segmentation with.")
        image = read_volume(scan.image)
        labels = labels_of(scan, image).data
        result = segmenter.segment(image, mask=scan.mask, **{k: v for k, v in options.items() if k != "refine"})
        truth = np.zeros_like(labels)
        for values in structures.values():
            truth[np.isin(labels, values)] = values[0]
        case = Case(
            pair=pair.id,
            fixed=image.data,
            moving=image.data,
            moved=image.data,
            displacement=np.broadcast_to(np.float32(0), (*image.data.shape, 3)),
            affine=image.grid.affine,
            fixed_labels=truth,
            moved_labels=np.asarray(result.labels.dataobj).astype(labels.dtype),
            direction="segmentation",
        )
        names = {values[0]: name for name, values in structures.items()}
        spoken = {str(value): name for value, name in names.items()}
        rows = [
            Row(pair.id, None, metric, spoken.get(structure, structure), math.nan, value, "segmentation")
            for metric, measure in metrics.items()
            for structure, value in measure(case).items()
        ]
        seconds = Row(pair.id, None, SECONDS, "", math.nan, sum(result.seconds.values()), "segmentation")
        yield Measured(None, case, [*rows, seconds], names=names)
    except Exception as error:  # the other scans go on
        yield Measured(None, failure=reason(error))
