"""What can be known to be wrong with an experiment before its first stage is trained."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial

from tfregkit.config.experiment import Experiment
from tfregkit.errors import ConfigError, TfregkitError
from tfregkit.models.base import Network
from tfregkit.objective.objective import Objective
from tfregkit.training.frozen import freeze
from tfregkit.training.initial import check_initial
from tfregkit.training.named_parts import declare_weights
from tfregkit.training.parts import (
    build_network,
    check_batch,
    check_data,
    check_lambda,
    check_outputs,
    check_target,
    connected,
)

_FITTING: set[str] = set()
"""What networks are made of, and trained by and towards, whose layers were found to fit."""


def check_plan(
    experiment: Experiment, *, begun: Collection[str] = (), absent: Callable[[str], None] | None = None
) -> None:
    """Build every stage's network and objective, as far as the stages fit each other.

    Layers, which takes seconds, are looked at once a process: the runs of a sweep and folds have many of the same.

    Args:
        experiment: What is to be trained.
        begun: Stages that have been trained for a while, whose `initial` is not looked at any more. See `Run.begun`.
        absent: Called with the message when another run, whose weights a stage begins with, is not there or not
            trained yet, instead of raising.

    Raises:
        ConfigError: Naming the stage: a network of another kind than its strategy trains, parts of a network that do
            not fit each other, a lambda that it does not take (or lacks), features, heads or initial weights that an
            earlier stage cannot give, frozen parts that are not there, batches too small for a term, a term that needs
            another strategy, lambdas to evaluate at for a network that takes none.
        RunError: See `absent`.
    """
    planned = _Planned()
    for number, stage in enumerate(experiment.stages):
        within = partial(_within, experiment, number)
        with within("model"):
            network = build_network(stage.model, stage.trainer)
        with within("strategy"):
            check_outputs(stage, network)
        with within("objective"):
            check_lambda(stage, network)
            objective = Objective.from_settings(stage.objective, planned)
            check_batch(stage, objective)
        with within("data"):
            check_data(stage, network)
        if (made_of := repr((stage.model, stage.strategy, stage.freeze, stage.objective))) not in _FITTING:
            with within("model"):
                declare_weights(network)
            with within("freeze"):
                freeze(network, stage.freeze)
        with within("strategy"):
            check_target(stage, objective)
            connected(stage, network, objective, planned)
        with within("initial"):
            if stage.name not in begun:
                check_initial(network, stage.initial, planned, absent and _of_stage(stage.name, absent))
        _FITTING.add(made_of)
        planned.networks[stage.name], planned.objectives[stage.name] = network, objective
    evaluation = experiment.evaluation
    if evaluation is not None and evaluation.lambdas is not None and not network.conditioned:
        raise ConfigError(
            f"evaluation.lambdas: network `{stage.model.name}` of stage `{stage.name}` takes no lambda as it is set. "
            "Leave `lambdas` out, or condition the network."
        )


@contextmanager
def _within(experiment: Experiment, number: int, section: str) -> Iterator[None]:
    """Say of errors where that section of a stage was written, and which stage it is."""
    try:
        yield
    except TfregkitError as error:
        where = experiment.where("stages", number, section)
        text = f"stage `{experiment.stages[number].name}`: {error}"
        raise type(error)(f"{where}: {text}" if where else text) from error


def _of_stage(name: str, absent: Callable[[str], None]) -> Callable[[str], None]:
    """As `absent`, which is told the stage as well."""
    return lambda message: absent(f"stage `{name}`: {message}")


class _Planned:
    """Stands for the earlier stages before they are trained. See `tfregkit.objective.earlier.Earlier`."""

    def __init__(self) -> None:
        self.networks: dict[str, Network] = {}
        self.objectives: dict[str, Objective] = {}

    def network(self, name: str) -> Network:
        return self.networks[name]

    def objective(self, name: str) -> Objective:
        return self.objectives[name]
