"""A third-party package as it looks when installed: found through its `.dist-info` alone."""

import click

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    from acme_losses.huber import Huber

    registry.similarity("acme_huber", Huber)


@hookimpl
def register_commands(cli):
    @click.command("acme-hello")
    def hello():
        """Say hello from a plugin."""
        click.echo("hello from acme-losses")

    cli.add_command(hello)


@hookimpl
def training_callbacks(run):
    from acme_losses.step_counter import StepCounter

    return [StepCounter(path=run.path / "acme_steps.txt")]
