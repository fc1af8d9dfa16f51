"""The command `tfregkit`. Commands are loaded when they are called, so that `--help` starts at once."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any

import click

from tfregkit import __version__
from tfregkit.errors import TfregkitError
from tfregkit.wording import did_you_mean

COMMANDS = {
    "train": ("tfregkit.cli.train:command", "Train a registration network from one YAML file."),
    "crossval": ("tfregkit.cli.crossval:command", "Train and evaluate a configuration once for each fold of subjects."),
    "register": (
        "tfregkit.cli.register:command",
        "Register a pair of images, or a table of pairs, with a trained run.",
    ),
    "segment": (
        "tfregkit.cli.segment:command",
        "Label images with a network trained to, or by labelled atlases registered to them.",
    ),
    "sample": (
        "tfregkit.cli.sample:command",
        "Make labelled training images: an atlas deformed by fields drawn from a probabilistic run.",
    ),
    "fuse": ("tfregkit.cli.fuse:command", "Fuse two registered images into one, with a trained autoencoder."),
    "apply": ("tfregkit.cli.apply:command", "Resample an image, labels or points through a warp file."),
    "evaluate": ("tfregkit.cli.evaluate:command", "Measure a trained run on pairs: Dice, folds, distances."),
    "compare": (
        "tfregkit.cli.compare:command",
        "Compare evaluated runs on the pairs they share: means, tests, box plots.",
    ),
    "cost": ("tfregkit.cli.cost:command", "Put what runs and sweeps reach and what training cost into one table."),
    "sweep": ("tfregkit.cli.sweep:command", "Measure a conditioned run at many lambdas and choose the best."),
    "validate": ("tfregkit.cli.validate:command", "Check a configuration without running it."),
    "plugins": ("tfregkit.cli.plugins:command", "List the components a configuration may name, and their parameters."),
    "new-plugin": (
        "tfregkit.cli.new_plugin:command",
        "Write a package with a component of your own, ready to install.",
    ),
}
"""Where each command lives, and its line in `--help`."""

WITHOUT_KERAS = {"apply", "new-plugin"}

EPILOG = """
\b
First steps:
  tfregkit train quickstart                     a complete example, offline, a few minutes
  tfregkit plugins similarity ncc               what can be set, and its defaults
  tfregkit validate my.yaml                     is this configuration right?
  tfregkit train my.yaml --run-dir runs/mine
  tfregkit register --model runs/mine moving.nii.gz fixed.nii.gz --moved out.nii.gz

A CONFIG is a YAML file or the name of one that comes with tfregkit. Errors are one message on stderr and exit code 2;
--debug, anywhere on the line, shows where they come from.
"""


class LazyGroup(click.Group):
    """A group that imports a command when it is called. Commands of plugins are asked for last."""

    def list_commands(self, context: click.Context) -> list[str]:
        self._ask_plugins()
        return [*COMMANDS, *sorted(self.commands)]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            return _command(name)
        self._ask_plugins()
        return self.commands.get(name)

    def resolve_command(
        self, context: click.Context, words: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, words)
        except click.UsageError as error:
            error.message += did_you_mean(words[0], self.list_commands(context))
            raise

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (name, COMMANDS[name][1] if name in COMMANDS else self._help(name)) for name in self.list_commands(context)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def add_command(self, command: click.Command, name: str | None = None) -> None:
        """Add a plugin's command; the toolkit's own cannot be replaced."""
        name = name or command.name
        if name in COMMANDS or name in self.commands:
            raise ValueError(f"the command `{name}` exists already")
        super().add_command(command, name)

    def _help(self, name: str) -> str:
        return self.commands[name].get_short_help_str(limit=80)

    def _ask_plugins(self) -> None:
        """Let plugins add their commands, once."""
        if not getattr(self, "_asked", False):
            self._asked = True
            from tfregkit.plugins import loaded

            loaded().call_each("register_commands", lambda origin: {"cli": self})


@cache
def _command(name: str) -> click.Command:
    """One of our commands. Keras is loaded when its options are right: `--help` and typing errors answer at once."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    command = getattr(importlib.import_module(module), attribute)
    if name not in WITHOUT_KERAS:
        command.callback = _after_keras(command.callback)
    return command


def _after_keras(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def call(*arguments: Any, **options: Any) -> Any:
        from tfregkit.cli.quiet import load_keras

        load_keras(quiet=not click.get_current_context().find_root().obj)
        return callback(*arguments, **options)

    return call


@click.group(
    cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120}
)
@click.version_option(__version__, prog_name="tfregkit")
def cli() -> None:
    """Learning-based deformable registration of medical images: train a network on your own images from one YAML file,
    add a loss from your own package, then register, warp and evaluate images from the shell."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `tfregkit` and leave with its exit code: 0 well, 2 for an error of the user's, 1 for one of ours."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if debug else "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if not debug:  # a warning is for the user: its text, not the line of ours that gave it
        warnings.formatwarning = lambda message, *where, **more: f"Warning: {message}\n"
    sys.exit(run([word for word in words if word != "--debug"], debug))


def run(words: Sequence[str], debug: bool = False) -> int:
    """Run one command line and return its exit code."""
    try:
        result = cli.main(list(words), prog_name="tfregkit", standalone_mode=False, obj=debug)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return 130
    except BrokenPipeError:  # `tfregkit plugins | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        return _explain(error)


def _explain(error: Exception) -> int:
    """Say what went wrong in a few lines, and whose fault it is."""
    if isinstance(error, TfregkitError):
        click.echo(f"Error: {error}" if "\n" not in str(error) else f"Error:\n{error}", err=True)
        return 2
    if isinstance(error, OSError):
        place = f" {error.filename}" if error.filename else ""
        click.echo(f"Error:{place}: {error.strerror or error}", err=True)
        return 2
    click.echo(
        f"Error in tfregkit or a plugin: {type(error).__name__}: {error}\n  Run again with --debug, and report it.",
        err=True,
    )
    return 1
