"""The `trainer` section of a stage. No Keras here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfregkit.config.settings import Settings

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]

_MOMENTS = {"beta_1", "beta_2"}
_OPTIMIZER_KEYS = {
    "adam": _MOMENTS | {"epsilon", "amsgrad"},
    "adamw": _MOMENTS | {"epsilon", "amsgrad"},
    "nadam": _MOMENTS | {"epsilon"},
    "lion": _MOMENTS,
    "rmsprop": {"epsilon", "momentum", "rho"},
    "sgd": {"momentum", "nesterov"},
}


class OptimizerSettings(Settings):
    """An optimiser of Keras and its parameters; what is left out keeps Keras' default.

    Args:
        name: Which one.
        beta_1: Decay of the first moment (adam, adamw, nadam, lion).
        beta_2: Decay of the second moment (the same).
        epsilon: Added to the denominator (adam, adamw, nadam, rmsprop).
        amsgrad: The AMSGrad variant (adam, adamw).
        momentum: sgd, rmsprop.
        nesterov: sgd.
        rho: Decay of the squared gradient (rmsprop).
        weight_decay: Decoupled weight decay.
        clipnorm: Upper limit of each gradient's norm.
        global_clipnorm: Upper limit of the norm of all gradients together.
        ema_momentum: Keeps an exponential moving average of the weights with this momentum and ends with it.
    """

    name: Literal["adam", "adamw", "nadam", "lion", "rmsprop", "sgd"] = "adam"
    beta_1: Annotated[float, Field(ge=0, lt=1)] | None = None
    beta_2: Annotated[float, Field(ge=0, lt=1)] | None = None
    epsilon: Positive | None = None
    amsgrad: bool | None = None
    momentum: Annotated[float, Field(ge=0, le=1)] | None = None
    nesterov: bool | None = None
    rho: Annotated[float, Field(ge=0, lt=1)] | None = None
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    clipnorm: Positive | None = None
    global_clipnorm: Positive | None = None
    ema_momentum: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _parameters_of_this_one(self) -> OptimizerSettings:
        own = _OPTIMIZER_KEYS[self.name]
        for key in sorted(set().union(*_OPTIMIZER_KEYS.values()) - own):
            if getattr(self, key) is not None:
                raise ValueError(f"optimizer `{self.name}` has no parameter `{key}` (it has {', '.join(sorted(own))})")
        if self.clipnorm is not None and self.global_clipnorm is not None:
            raise ValueError("set `clipnorm` or `global_clipnorm`, not both")
        return self


class ScheduleSettings(Settings):
    """A learning rate that changes with the optimiser's updates, by a schedule of Keras.

    `cosine`: from `initial` to `final` along half a cosine; `polynomial`: along `(1 - t)^power`; `exponential`:
    `initial * (final / initial)^t`; `piecewise`: `values[i]` between the `boundaries`. t goes from 0 to 1 in the stage.

    Args:
        name: Which one.
        initial: The learning rate at the start (after the warm-up).
        final: The one at the end.
        warmup: Updates over which it rises linearly from 0 to `initial`, before the schedule starts (cosine).
        power: Of `polynomial`; 1 is a straight line.
        boundaries: Steps at which `piecewise` changes.
        values: Its learning rates, one more than boundaries.
    """

    name: Literal["cosine", "polynomial", "exponential", "piecewise"]
    initial: Positive | None = None
    final: Annotated[float, Field(ge=0)] = 0.0
    warmup: Annotated[int, Field(ge=0)] = 0
    power: Positive = 1.0
    boundaries: list[Count] = []
    values: list[Positive] = []

    @model_validator(mode="after")
    def _complete(self) -> ScheduleSettings:
        piecewise = self.name == "piecewise"
        if piecewise and (not self.boundaries or len(self.values) != len(self.boundaries) + 1):
            raise ValueError("`piecewise` needs `boundaries` and one more `values` than boundaries")
        if piecewise and sorted(set(self.boundaries)) != self.boundaries:
            raise ValueError("`boundaries` must rise")
        if not piecewise and self.initial is None:
            raise ValueError(f"schedule `{self.name}` needs `initial`")
        if self.name == "exponential" and self.final == 0:
            raise ValueError("schedule `exponential` needs a `final` above 0")
        if self.warmup and self.name != "cosine":
            raise ValueError("`warmup` goes with `cosine`")
        return self


class TrainerSettings(Settings):
    """How a stage is trained. A step is one batch.

    Args:
        steps: Batches in all; 0 leaves the weights as they were drawn.
        batch_size: Pairs in a batch, over all devices together.
        optimizer: Name, or a section with parameters.
        learning_rate: A number, or a schedule section.
        gradient_accumulation: Batches whose gradients are averaged before each update of the weights.
        mixed_precision: `float16` or `bfloat16` for the layers' arithmetic (weights stay float32).
        remat: Recompute activations in the backward pass instead of keeping them: less memory, more time.
        jit_compile: Compile the training step with XLA; `null`: never on a CPU, see the documentation for GPUs.
        distribute: `none` (one device), `mirrored` (all devices of this machine), `multiworker` (the machines in
            `TF_CONFIG`), or `auto`: what fits the machine.
        prefetch: Batches kept ready.
        validate_every: Steps between validations.
        validation_pairs: At most so many pairs are looked at in a validation; `null`: all.
        validation_lambda: The lambda at which a conditioned network is validated.
        checkpoint_every: Steps between checkpoints.
        keep: How many of the latest checkpoints stay, besides the best.
        deterministic: Ask the backend for deterministic kernels (slower on GPUs).
    """

    steps: Annotated[int, Field(ge=0)]
    batch_size: Count = 1
    optimizer: OptimizerSettings = OptimizerSettings()
    learning_rate: Positive | ScheduleSettings = 1e-4
    gradient_accumulation: Count = 1
    mixed_precision: Literal["float16", "bfloat16"] | None = None
    remat: bool = False
    jit_compile: bool | None = None
    distribute: Literal["none", "mirrored", "multiworker", "auto"] = "none"
    prefetch: Count = 4
    validate_every: Count = 500
    validation_pairs: Count | None = None
    validation_lambda: Annotated[float, Field(ge=0, le=1)] = 0.1
    checkpoint_every: Count = 500
    keep: Count = 2
    deterministic: bool = False

    @model_validator(mode="before")
    @classmethod
    def _optimizer_by_name(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("optimizer"), str):
            return {**data, "optimizer": {"name": data["optimizer"]}}
        return data
