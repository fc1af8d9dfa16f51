"""What a stage has learned of its objective, for people to read. The objective's checkpoints are what counts."""

from __future__ import annotations

from pathlib import Path

from keras import ops

from tfregkit.config.source import dump
from tfregkit.files import write_text
from tfregkit.objective.objective import Objective
from tfregkit.training.checkpoint import Checkpoints, restore


def learned_values(objective: Objective) -> dict[str, float]:
    """The present values by name."""
    return {name: float(ops.convert_to_numpy(variable)) for name, variable in objective.learned.items()}


def write_learned(folder: Path, objective: Objective, checkpoints: Checkpoints) -> None:
    """Write `learned.yaml` and `learned.png` of a stage that has learned numbers of its objective; else nothing.

    `last` are the numbers at the end of training, `used` those of the checkpoint that the stage ends with, which
    refinement and later stages take; `initial` are the configuration's. The objective is left with those used.
    """
    if not objective.learned:
        return
    last = learned_values(objective)
    if checkpoints.best.is_file():
        restore(checkpoints.best, {"objective": objective.variables})
    used = learned_values(objective)
    initial = objective.initial
    write_text(
        folder / "learned.yaml",
        dump({name: {"initial": initial[name], "last": last[name], "used": used[name]} for name in last}),
    )
    if (folder / "metrics.csv").is_file():  # a stage of no steps has none
        from tfregkit.report.learned import learned_figure

        learned_figure(folder / "metrics.csv", list(last), folder / "learned.png")
