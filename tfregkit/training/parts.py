"""The trainable side of a stage, made from its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import keras

from tfregkit.backend.loop import has_accelerator
from tfregkit.config.settings import Spec
from tfregkit.data.grid import check_multiples
from tfregkit.data.roles import check_own_grids
from tfregkit.data.views import check_distortions
from tfregkit.errors import ConfigError
from tfregkit.models.base import Network
from tfregkit.objective.base import Similarity
from tfregkit.objective.earlier import Earlier
from tfregkit.objective.objective import Objective
from tfregkit.registry import current
from tfregkit.training.optimizer import build_optimizer
from tfregkit.training.settings import TrainerSettings
from tfregkit.training.strategy import Strategy
from tfregkit.training.trainer import Trainer


def build_network(spec: Spec, settings: TrainerSettings) -> Network:
    """The stage's network, under the stage's arithmetic."""
    if settings.remat:
        spec, found = _with_remat(spec)
        if not found:
            raise ConfigError(f"trainer.remat: network `{spec.name}` has no parameter `remat`. Set it to false.")
    with _precision(settings.mixed_precision):
        return spec.build()


def build_trainer(stage: Any, network: Network, earlier: Earlier | None = None) -> Trainer:
    """The stage's trainer, compiled but without weights yet; `earlier` are the stages before it."""
    check_outputs(stage, network)
    check_lambda(stage, network)
    settings = stage.trainer
    objective = Objective.from_settings(stage.objective, earlier)
    strategy = connected(stage, network, objective, earlier)
    trainer = Trainer(network=network, objective=objective, strategy=strategy)
    optimizer = build_optimizer(settings)
    if settings.mixed_precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    trainer.compile(optimizer=optimizer, jit_compile=bool(settings.jit_compile))
    return trainer


def connected(stage: Any, network: Network, objective: Objective, earlier: Earlier | None) -> Strategy:
    """The stage's strategy, which has looked at objective and network. Its errors begin with `strategy`."""
    strategy = stage.strategy.build()
    try:
        strategy.connect(objective, earlier)
        strategy.check_network(network)
    except ConfigError as error:
        raise ConfigError(f"strategy `{stage.strategy.name}`: {error}") from error
    return strategy


def variables(trainer: Trainer) -> dict[str, list[Any]]:
    """Everything a step changes, by group, in a fixed order."""
    return {
        "network": trainer.network.variables,
        "objective": trainer.objective.variables,
        "strategy": trainer.strategy.variables,
        "optimizer": trainer.optimizer.variables,
    }


def check_jit(settings: TrainerSettings) -> str | None:
    """A warning for a setting that is known to be slow here, else None."""
    if settings.jit_compile and not has_accelerator():
        return "trainer.jit_compile: XLA makes 3-D convolutions on a CPU more than ten times slower; leave it at null."
    return None


@contextmanager
def _precision(name: str | None) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(f"mixed_{name}" if name else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _with_remat(spec: Spec) -> tuple[Spec, bool]:
    """The section with `remat: true` wherever it, or a section in it, has that parameter; and whether any had."""
    parameters, found = {}, False
    for key, value in spec.parameters.items():
        if key == "remat":
            value, found = True, True
        elif isinstance(value, Spec):
            value, inner = _with_remat(value)
            found = found or inner
        parameters[key] = value
    return replace(spec, parameters=parameters), found


def check_batch(stage: Any, objective: Objective, replicas: int = 1) -> None:
    """Raise a ConfigError where a term that counts cannot do its work in the stage's batches."""
    for name, term in objective.terms.items():
        if isinstance(term, Similarity) and stage.objective.terms[name].weight:
            try:
                term.check_batch(stage.trainer.batch_size, replicas)
            except ConfigError as error:
                raise ConfigError(f"objective.terms.{name}: {error}") from error


def check_target(stage: Any, objective: Objective) -> None:
    """Raise a ConfigError where a term needs a `target` and the stage's strategy gives none."""
    if "target" not in objective.needs or "target" in stage.strategy.build().gives:
        return
    raise ConfigError(
        f"strategy: a term needs what a slow copy of the network sees, and `{stage.strategy.name}` keeps none. "
        f"Strategies that do: {_able('strategy', lambda strategy: 'target' in strategy.gives)}."
    )


def check_outputs(stage: Any, network: Network) -> None:
    """Raise a ConfigError where the network is of another kind than the stage's strategy trains."""
    strategy = stage.strategy.build()
    if set(strategy.takes) <= set(network.gives):
        return
    given = set(network.gives)
    others = _able("strategy", lambda other: other.takes and given.issuperset(other.takes))
    networks = _able("network", lambda other: set(other.gives).issuperset(strategy.takes))
    raise ConfigError(
        f"strategy `{stage.strategy.name}` trains networks that give {' and '.join(strategy.takes)}, and "
        f"`{stage.model.name}` gives {' and '.join(network.gives)}. Strategies for it: {others}. Networks for "
        f"`{stage.strategy.name}`: {networks}."
    )


def _able(kind: str, suits: Callable[[Any], Any]) -> str:
    """The names of the registered components of a kind whose class suits."""
    registry = current()
    able = [f"`{name}`" for name in registry.names(kind) if suits(registry.get(kind, name).component)]
    return ", ".join(able) or "none is installed"


def check_data(stage: Any, network: Network) -> None:
    """Raise a ConfigError where the `data` section cannot give what the stage's strategy looks at, a DataError where
    its sizes do not fit the network."""
    check_multiples("data.crop", stage.data.crop, network.stride)
    check_multiples("grid.shape", stage.data.grid.shape, network.stride)
    strategy = stage.strategy.build()
    views = "views" in strategy.needs
    if stage.data.grid.mode == "own":
        check_own_grids(strategy.roles, views)
    if views:
        check_distortions([spec.build() for spec in stage.data.distortions])


def check_held_out(stage: Any, trainer: Trainer) -> None:
    """Raise a ConfigError where the strategy looks at validation pairs and this backend or network does not let it."""
    if not trainer.strategy.holds_out:
        return
    what = f"strategy `{stage.strategy.name}`"
    if not trainer.takes_held_out:
        raise ConfigError(f"{what} trains with the TensorFlow backend; KERAS_BACKEND is `{keras.backend.backend()}`.")
    if stage.trainer.remat or remat_in(stage.model):
        raise ConfigError(
            f"{what} looks at the network with other weights than its own, which recomputed layers do not see. Set "
            "trainer.remat, and `remat` of the model, to false; trainer.mixed_precision saves memory too."
        )


def remat_in(spec: Spec) -> bool:
    """Whether the section, or one in it, asks for recomputation."""
    inner = (value for value in spec.parameters.values() if isinstance(value, Spec))
    return spec.parameters.get("remat") is True or any(map(remat_in, inner))


def check_lambda(stage: Any, network: Network) -> None:
    """Raise a ConfigError where the objective's lambda and the network's conditioning do not go together."""
    lam, name = stage.objective.lam, stage.model.name
    if network.conditioned and lam is None:
        raise ConfigError(
            f"objective.lambda: network `{name}` is conditioned on lambda, so the objective needs one: set `uniform`, "
            "or a number."
        )
    if lam == "uniform" and not network.conditioned:
        raise ConfigError(
            f"objective.lambda: `uniform` needs a network that takes lambda, and `{name}` does not as it is set. "
            "Condition the network, or set a number."
        )
