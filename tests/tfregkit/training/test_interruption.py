"""Runs that are killed, told to leave, and resumed: the losses are those of a run that nobody disturbed, bit for bit."""

import signal

import pytest
import yaml
from training_data import small_experiment
from training_processes import finish, numbers, rows, start, wait_for_rows

LONG = ["--set", "stages.registration.trainer.steps=40", "--set", "stages.registration.trainer.checkpoint_every=7"]


@pytest.fixture(scope="module")
def undisturbed(subjects, tmp_path_factory):
    """The numbers of the same run without a break."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "small.yaml").write_text(yaml.safe_dump(small_experiment(subjects)))
    finish(start(folder / "small.yaml", folder / "run", *LONG))
    return numbers(folder / "run")


def test_sigkill_then_resume_gives_the_same_losses(config, tmp_path, undisturbed):
    run = tmp_path / "run"
    process = start(config, run, *LONG)
    wait_for_rows(run, 17, process)
    process.kill()
    process.wait()
    done = len(rows(run))
    assert done < 40
    with open(run / "1-registration" / "metrics.csv", "a") as file:
        file.write("18,-0.4")  # what a kill in the middle of a line leaves
    said = finish(start(config, run, *LONG, "--resume"))
    assert "going on from step" in said
    assert numbers(run) == undisturbed


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_saves_and_leaves(config, tmp_path, undisturbed, number, code):
    run = tmp_path / "run"
    process = start(config, run, *LONG)
    wait_for_rows(run, 10, process)
    process.send_signal(number)
    said = finish(process, code)
    done = len(rows(run))
    assert f"stopped by {number.name} after step {done}, which is saved" in said
    assert (run / "1-registration" / "checkpoints" / f"step-{done:08d}.npz").is_file()
    finish(start(config, run, *LONG, "--resume"))
    assert numbers(run) == undisturbed
