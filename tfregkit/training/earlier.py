"""What a stage can take from the stages before it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tfregkit.errors import ConfigError

if TYPE_CHECKING:
    from tfregkit.models.base import Network
    from tfregkit.objective.objective import Objective
    from tfregkit.training.run import Run


class EarlierStages:
    """The trained stages of a run before one of them. See `tfregkit.objective.earlier.Earlier`.

    Args:
        run: The run.
        index: The number of the stage that asks, from 1.
    """

    def __init__(self, run: Run, index: int) -> None:
        self.run, self.index = run, index
        self.network = cache(self._network)
        self.objective = cache(self._objective)

    def _network(self, name: str) -> Network:
        """The network of that stage with its trained weights.

        Raises:
            ConfigError: When there is no such stage before this one.
            RunError: When it has not been trained.
        """
        return self.run.network(self._number(name))

    def _objective(self, name: str) -> Objective:
        """The objective of that stage with the weights its terms ended with. Raises as `network` does."""
        return self.run.objective(self._number(name))

    def _number(self, name: str) -> int:
        names = [stage.name for stage in self.run.experiment.stages[: self.index - 1]]
        if name not in names:
            known = ", ".join(f"`{known}`" for known in names) or "none"
            raise ConfigError(f"there is no stage `{name}` before this one. Earlier stages: {known}.")
        return names.index(name) + 1
