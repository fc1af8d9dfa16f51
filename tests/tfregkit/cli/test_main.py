"""The command line itself: quick to start, errors in one message, plugins' commands."""

import importlib
import resource
import subprocess
import sys

import click
import pytest
from third_party import SAMPLE, installed, write_package

from tfregkit.cli import main
from tfregkit.errors import DataError


@pytest.fixture
def failing(monkeypatch):
    """Makes `tfregkit validate x` raise what it is given."""

    def raising(error):
        @click.command("validate")
        @click.argument("config")
        def command(config):
            raise error

        monkeypatch.setattr(main, "_command", lambda name: command)

    return raising


def run(capsys, *words, debug=False):
    code = main.run(words, debug)
    return code, capsys.readouterr()


@pytest.mark.parametrize("statement", ["import tfregkit", "from tfregkit.cli.main import run; run(['--help'])"])
def test_start_is_quick_and_loads_nothing_heavy(statement):
    heavy = "('keras', 'tensorflow', 'scipy', 'nibabel', 'numpy', 'pandas', 'matplotlib', 'pydantic')"
    code = f"import sys; {statement}; sys.exit(' '.join(m for m in {heavy} if m in sys.modules) or 0)"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, f"loads {done.stderr}"
    seconds = (
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    )  # of this process, however busy the rest
    assert seconds < 0.5


def test_help_lists_every_command(capsys):
    code, shown = run(capsys, "--help")
    assert code == 0
    for name in main.COMMANDS:
        assert f"  {name} " in shown.out
    assert "tfregkit train quickstart" in shown.out


@pytest.mark.parametrize("name", sorted(main.COMMANDS))
def test_every_command_has_help(capsys, name):
    command = importlib.import_module(main.COMMANDS[name][0].partition(":")[0]).command
    assert command.name == name
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert all(option.help for option in options), "an option without help"
    code, shown = run(capsys, name, "--help")
    assert code == 0
    assert f"tfregkit {name}" in shown.out


def test_version(capsys):
    assert run(capsys, "--version")[1].out == "tfregkit, version 0.1.0\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["validte", "x"], "No such command 'validte'. Did you mean `validate`"),
        (["validate"], "Missing argument 'CONFIG'"),
        (["validate", "x", "--sett", "1"], "No such option"),
        (["validate", "nowhere.yaml"], "nowhere.yaml: no such configuration file."),
    ],
)
def test_errors_of_the_user_are_one_message_on_stderr(capsys, words, message):
    code, shown = run(capsys, *words)
    assert code == 2
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_an_error_of_the_input(capsys, failing):
    failing(DataError("scan.nii.gz: 4-D image"))
    code, shown = run(capsys, "validate", "x")
    assert (code, shown.err) == (2, "Error: scan.nii.gz: 4-D image\n")


def test_an_error_of_the_disk(capsys, failing):
    failing(OSError(28, "No space left on device", "out.nii.gz"))
    code, shown = run(capsys, "validate", "x")
    assert (code, shown.err) == (2, "Error: out.nii.gz: No space left on device\n")


def test_an_error_of_ours_is_another_code(capsys, failing):
    failing(KeyError("oops"))
    code, shown = run(capsys, "validate", "x")
    assert code == 1
    assert "Error in tfregkit or a plugin: KeyError: 'oops'\n  Run again with --debug" in shown.err


def test_debug_shows_the_trace(failing):
    failing(DataError("scan.nii.gz: 4-D image"))
    with pytest.raises(DataError, match="4-D"):
        main.run(["validate", "x"], debug=True)


def test_an_interrupt(capsys, failing):
    failing(KeyboardInterrupt())
    code, shown = run(capsys, "validate", "x")
    assert (code, shown.err.strip()) == (130, "Interrupted.")


@pytest.mark.parametrize("words", [["--debug", "validate", "x"], ["validate", "x", "--debug"]])
def test_debug_goes_anywhere_on_the_line(words, failing):
    failing(DataError("4-D image"))
    with pytest.raises(DataError, match="4-D"):
        main.main(words)


def test_the_process_leaves_with_the_code(failing):
    failing(DataError("4-D image"))
    with pytest.raises(SystemExit, match="2"):
        main.main(["validate", "x"])


def test_a_plugin_adds_a_command(capsys, monkeypatch):
    with installed(SAMPLE, monkeypatch):
        monkeypatch.setattr(main.cli, "commands", {})
        monkeypatch.setattr(main.cli, "_asked", False, raising=False)
        assert "acme-hello Say hello from a plugin." in " ".join(run(capsys, "--help")[1].out.split())
        assert run(capsys, "acme-hello")[1].out == "hello from acme-losses\n"


def test_a_plugin_cannot_replace_our_commands(capsys, monkeypatch, tmp_path):
    source = (
        "import click\nfrom tfregkit import hookimpl\n\n@hookimpl\ndef register_commands(cli):\n"
        "    cli.add_command(click.Command('train'))\n"
    )
    write_package(tmp_path, "acme", source)
    with installed(tmp_path, monkeypatch):
        monkeypatch.setattr(main.cli, "commands", {})
        monkeypatch.setattr(main.cli, "_asked", False, raising=False)
        assert run(capsys, "--help")[0] == 0
        assert main.cli.commands == {}
        from tfregkit.plugins import loaded

        assert "the command `train` exists already" in str(loaded().failures[0])
