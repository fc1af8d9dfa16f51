"""What similarities may ask of the stages before their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tfregkit.models.base import Network
    from tfregkit.objective.objective import Objective


class Earlier(Protocol):
    """The trained stages before one, by name. `Similarity.connect` receives it."""

    def network(self, name: str) -> Network:
        """The network of that stage with its trained weights."""

    def objective(self, name: str) -> Objective:
        """The objective of that stage with the weights its terms ended with."""
