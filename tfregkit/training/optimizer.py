"""From settings to a Keras optimiser and its learning-rate schedule."""

from __future__ import annotations

from typing import Any

import keras

from tfregkit.training.settings import OptimizerSettings, ScheduleSettings, TrainerSettings

_CLASSES = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "nadam": keras.optimizers.Nadam,
    "lion": keras.optimizers.Lion,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


def build_optimizer(settings: TrainerSettings) -> keras.optimizers.Optimizer:
    """A new optimiser; schedules count updates, so that they end with the stage under gradient accumulation too."""
    updates = max(1, settings.steps // settings.gradient_accumulation)
    rate = settings.learning_rate
    options = _options(settings.optimizer)
    if settings.gradient_accumulation > 1:
        options["gradient_accumulation_steps"] = settings.gradient_accumulation
    if isinstance(rate, ScheduleSettings):
        rate = build_schedule(rate, updates, settings.gradient_accumulation)
    return _CLASSES[settings.optimizer.name](learning_rate=rate, **options)


def build_schedule(
    settings: ScheduleSettings, updates: int, accumulation: int = 1
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The schedule over `updates` updates. `boundaries` are in steps: `accumulation` of them make an update."""
    schedules = keras.optimizers.schedules
    if settings.name == "piecewise":
        return schedules.PiecewiseConstantDecay([b // accumulation for b in settings.boundaries], settings.values)
    if settings.name == "exponential":
        return schedules.ExponentialDecay(settings.initial, updates, settings.final / settings.initial)
    if settings.name == "polynomial":
        return schedules.PolynomialDecay(settings.initial, updates, settings.final, settings.power)
    warmup = {"warmup_target": settings.initial, "warmup_steps": settings.warmup} if settings.warmup else {}
    start = 0.0 if settings.warmup else settings.initial
    return schedules.CosineDecay(
        start, max(1, updates - settings.warmup), alpha=settings.final / settings.initial, **warmup
    )


def _options(settings: OptimizerSettings) -> dict[str, Any]:
    """The parameters that were given, under Keras' names."""
    options = {key: value for key, value in settings.plain().items() if key != "name" and value is not None}
    if "ema_momentum" in options:
        options["use_ema"] = True
    return options
