"""What can be known to be wrong with an experiment before its first stage is trained."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tfregkit.config.experiment import Experiment
from tfregkit.errors import ConfigError, TfregkitError
from tfregkit.models.base import Network
from tfregkit.objective.objective import Objective
from tfregkit.training.initial import check_initial
from tfregkit.training.parts import (
    build_network,
    check_batch,
    check_data,
    check_lambda,
    check_outputs,
    check_target,
    connected,
)


def check_plan(
    experiment: Experiment, *, begun: Collection[str] = (), absent: Callable[[str], None] | None = None
) -> None:
    """Build every stage's network and objective, without weights, as far as the stages fit each other.

    Args:
        experiment: What is to be trained.
        begun: Stages that have been trained for a while, whose `initial` is not looked at any more. See `Run.begun`.
        absent: Called with the message when another run, whose weights a stage begins with, is not there or not
            trained yet, instead of raising.

    Raises:
        ConfigError: Naming the stage: a network of another kind than its strategy trains, a lambda that its network
            does not take (or lacks), features, heads or initial weights that an earlier stage cannot give, batches
            too small for a term, a term that needs another strategy, lambdas to evaluate at for a network that takes
            none.
        RunError: See `absent`.
    """
    planned = _Planned()
    for stage in experiment.stages:
        try:
            network = build_network(stage.model, stage.trainer)
            check_outputs(stage, network)
            check_lambda(stage, network)
            objective = Objective.from_settings(stage.objective, planned)
            check_batch(stage, objective)
            check_target(stage, objective)
            check_data(stage, network)
            connected(stage, network, objective, planned)
            if stage.name not in begun:
                check_initial(network, stage.initial, planned, absent and _of_stage(stage.name, absent))
        except TfregkitError as error:
            file_line, _, _ = stage.model.where.rpartition(": ")  # without the key, which need not be what is wrong
            where = f"{file_line}: " if file_line else ""
            raise type(error)(f"{where}stage `{stage.name}`: {error}") from error
        planned.networks[stage.name], planned.objectives[stage.name] = network, objective
    evaluation = experiment.evaluation
    if evaluation is not None and evaluation.lambdas is not None and not network.conditioned:
        raise ConfigError(
            f"evaluation.lambdas: network `{stage.model.name}` of stage `{stage.name}` takes no lambda as it is set. "
            "Leave `lambdas` out, or condition the network."
        )


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
