"""Runs that are told to leave, killed, and resumed: the losses are those of an undisturbed run, bit for bit."""

import io
import signal

from rich.console import Console
from training_processes import finish, numbers, rows, start, wait_for_rows

from tfregkit.config.experiment import load_experiment
from tfregkit.training.train import train

STEPS = 200
LONG = [f"stages.registration.trainer.{key}" for key in (f"steps={STEPS}", "checkpoint_every=35", "validate_every=30")]
OPTIONS = [word for setting in LONG for word in ("--set", setting)]


def test_sigterm_sigkill_and_resume_give_the_losses_of_an_undisturbed_run(config, tmp_path):
    run = tmp_path / "run"
    process = start(config, run, *OPTIONS)
    wait_for_rows(run, 20, process)
    process.send_signal(signal.SIGTERM)
    said = finish(process, code=143)
    done = len(rows(run))
    assert 20 <= done < STEPS
    assert f"stopped by SIGTERM after step {done}, which is saved. Continue with --resume." in said
    assert (run / "1-registration" / "checkpoints" / f"step-{done:08d}.npz").is_file()

    process = start(config, run, *OPTIONS, "--resume")
    wait_for_rows(run, max(done + 20, 40), process)
    process.kill()
    process.wait()
    assert len(rows(run)) < STEPS
    with open(run / "1-registration" / "metrics.csv", "a") as file:
        file.write("199,-0.4")  # what a kill in the middle of a line leaves

    console = Console(file=io.StringIO())
    train(load_experiment(config, LONG), run, resume=True, console=console)
    assert "going on from step" in console.file.getvalue()
    train(load_experiment(config, LONG), tmp_path / "undisturbed")
    assert len(rows(run)) == STEPS
    assert numbers(run) == numbers(tmp_path / "undisturbed")
