"""Optimisers and learning rates as configured."""

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from tfregkit.training.optimizer import build_optimizer
from tfregkit.training.settings import TrainerSettings


def built(**settings):
    return build_optimizer(TrainerSettings(**{"steps": 100, **settings}))


def rates(steps=(0, 10, 50, 100), **settings):
    schedule = built(**settings)._learning_rate
    return [float(schedule(step)) for step in steps]


def test_an_optimizer_by_name_or_section():
    assert isinstance(built(), keras.optimizers.Adam)
    adamw = built(optimizer={"name": "adamw", "weight_decay": 0.02, "beta_2": 0.9, "global_clipnorm": 1.0})
    assert isinstance(adamw, keras.optimizers.AdamW)
    assert (adamw.weight_decay, adamw.beta_2, adamw.global_clipnorm, adamw.beta_1) == (0.02, 0.9, 1.0, 0.9)
    sgd = built(optimizer={"name": "sgd", "momentum": 0.5, "ema_momentum": 0.9}, gradient_accumulation=4)
    assert (sgd.momentum, sgd.use_ema, sgd.gradient_accumulation_steps) == (0.5, True, 4)


def test_cosine_with_warmup():
    found = rates(
        learning_rate={"name": "cosine", "initial": 0.1, "final": 0.01, "warmup": 10}, steps=(0, 5, 10, 55, 100)
    )
    np.testing.assert_allclose(found, [0, 0.05, 0.1, 0.055, 0.01], rtol=1e-5)


def test_polynomial_exponential_piecewise():
    straight = rates(learning_rate={"name": "polynomial", "initial": 0.1})
    np.testing.assert_allclose(straight, [0.1, 0.09, 0.05, 0.0], atol=1e-7)
    falling = rates(learning_rate={"name": "exponential", "initial": 0.1, "final": 0.001})
    np.testing.assert_allclose(falling, [0.1, 0.1 * 0.01**0.1, 0.01, 0.001], rtol=1e-5)
    stairs = {"name": "piecewise", "boundaries": [20, 60], "values": [0.3, 0.2, 0.1]}
    np.testing.assert_allclose(rates(learning_rate=stairs), [0.3, 0.3, 0.2, 0.1], rtol=1e-6)


def test_a_schedule_counts_updates_and_ends_with_the_stage_under_accumulation():
    found = rates(learning_rate={"name": "polynomial", "initial": 0.1}, gradient_accumulation=5, steps=(0, 10, 20))
    np.testing.assert_allclose(found, [0.1, 0.05, 0.0], atol=1e-7)
    stairs = {"name": "piecewise", "boundaries": [50], "values": [0.2, 0.1]}
    np.testing.assert_allclose(rates(learning_rate=stairs, gradient_accumulation=5, steps=(9, 11)), [0.2, 0.1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": {"name": "sgd", "beta_1": 0.5}}, "optimizer `sgd` has no parameter `beta_1`"),
        ({"optimizer": {"clipnorm": 1.0, "global_clipnorm": 1.0}}, "not both"),
        ({"learning_rate": {"name": "cosine"}}, "schedule `cosine` needs `initial`"),
        ({"learning_rate": {"name": "exponential", "initial": 0.1}}, "needs a `final` above 0"),
        ({"learning_rate": {"name": "piecewise", "boundaries": [5, 3], "values": [1, 2, 3]}}, "must rise"),
        ({"learning_rate": {"name": "piecewise", "boundaries": [5], "values": [1]}}, "one more `values`"),
        ({"learning_rate": {"name": "polynomial", "initial": 1, "warmup": 3}}, "`warmup` goes with `cosine`"),
        ({"learning_rate": -1.0}, "greater than 0"),
        ({"steps": -1}, "greater than or equal to 0"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValidationError, match=message):
        TrainerSettings(**{"steps": 100, **settings})
