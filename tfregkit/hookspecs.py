"""The three hooks of the plugin group `tfregkit`. Hooks register; none of them runs inside a training step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click
    import keras

    from tfregkit.registry import Registrar
    from tfregkit.training.run import Run

hookspec = pluggy.HookspecMarker("tfregkit")
hookimpl = pluggy.HookimplMarker("tfregkit")


@hookspec
def register_components(registry: Registrar) -> None:
    """Add components: `registry.similarity("ncc", NCC)`. Called once, before any configuration is read."""


@hookspec
def register_commands(cli: click.Group) -> None:
    """Add sub-commands to `tfregkit`: `cli.add_command(mine)`."""


@hookspec
def training_callbacks(run: Run) -> list[keras.callbacks.Callback]:
    """Return callbacks that observe this run (loggers, trackers). They may not change the training step."""
