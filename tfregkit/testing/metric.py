"""Checks of a metric: see `tfregkit.api.Metric` for the contract they spell out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfregkit.api import Case, Metric
from tfregkit.testing.common import field, follows_the_rules, image

SHAPE = (11, 13, 17)


def case() -> Case:
    """A pair with everything a metric may look at, on an oblique grid of unequal spacing."""
    rng = np.random.default_rng(0)
    fixed, moving, moved = (image(SHAPE, seed, batch=1)[0, ..., 0] for seed in range(3))
    labels = [np.digitize(scan, (0.3, 0.5, 0.7)).astype("int32") for scan in (fixed, moving, moved)]
    affine = np.array([[1.0, 0.2, 0, -5], [-0.2, 1.3, 0, 7], [0, 0, 2.0, 1], [0, 0, 0, 1]])
    points = [rng.uniform(0, 10, (5, 3)) for _ in range(4)]
    return Case(
        pair="a_to_b",
        fixed=fixed,
        moving=moving,
        moved=moved,
        displacement=field(SHAPE, 3, batch=1)[0],
        affine=affine,
        fixed_labels=labels[0],
        moving_labels=labels[1],
        moved_labels=labels[2],
        fixed_mask=(fixed > 0.3).astype("float32"),
        fixed_points_mm=points[0],
        moving_points_mm=points[1],
        warped_points_mm=points[2],
        initial_points_mm=points[3],
    )


def gives_numbers_by_name(metric: Metric) -> None:
    for one in (case(), case().before()):
        values = metric(one)
        assert isinstance(values, dict), f"a metric returns a dict. Received: {type(values).__name__}"
        for key, value in values.items():
            assert isinstance(key, str), f"keys are structures, or `` for the pair. Received: {key!r}"
            assert np.ndim(value) == 0, f"`{key}` must be one number. Received: {value!r}"
            assert isinstance(float(value), float)


def copes_with_what_is_missing(metric: Metric) -> None:
    """A pair without labels, mask or points gives no value or NaN, and no error."""
    bare = {name: None for name in Case.__dataclass_fields__ if "labels" in name or "points" in name or "mask" in name}
    gives = metric(replace(case(), **bare))
    assert isinstance(gives, dict), f"a metric returns a dict, empty where it has no value. Received: {gives!r}"


def leaves_the_case_alone(metric: Metric) -> None:
    one, two = case(), case()
    first = metric(one)
    for name in Case.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=f"the metric changed `{name}`")
    np.testing.assert_equal(metric(one), first, err_msg="a second call gives another value")


def says_which_way_is_better(metric: Metric) -> None:
    assert metric.better in ("higher", "lower"), f"`better` must be `higher` or `lower`. Received: {metric.better!r}"


CHECKS = [
    follows_the_rules,
    gives_numbers_by_name,
    copes_with_what_is_missing,
    leaves_the_case_alone,
    says_which_way_is_better,
]
