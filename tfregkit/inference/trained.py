"""What a run says about itself, besides its network: its grid's spacing and shape, the weights' file, chosen lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfregkit.errors import RunError
from tfregkit.inference.about import sha256
from tfregkit.inference.chosen_lambda import ChosenLambda

if TYPE_CHECKING:
    from tfregkit.training.run import Run


def spacing(run: Run) -> float | tuple[float, float, float]:
    """The training grid's in mm: as configured, or as the checkpoint says when it was taken from the scans.

    Raises:
        RunError: When neither says it.
    """
    from tfregkit.training.checkpoint import read_facts

    configured = run.experiment.stages[-1].data.grid.spacing
    if configured is not None:
        return configured
    path = run.weights()
    facts = read_facts(path)
    if "spacing" not in facts:
        raise RunError(f"{path}: does not say the spacing of the training grid. Set data.grid.spacing in the run.")
    return tuple(facts["spacing"])


def shape(run: Run) -> tuple[int, int, int]:
    """The voxels of what the network was trained on, crops or whole grids.

    Raises:
        RunError: When there is no trained network.
    """
    from tfregkit.training.checkpoint import read_facts

    return tuple(read_facts(run.weights())["inputs"]["fixed"][1:4])


def chosen_lambda(run: Run) -> float | None:
    """The lambda stored with the run, if there is one.

    Raises:
        RunError: When it was chosen for other weights than the run has now.
    """
    chosen = ChosenLambda.read(run.path)
    if chosen is None:
        return None
    chosen.check(run.path, sha256(run.weights()))
    return chosen.value
