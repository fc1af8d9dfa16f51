"""The run directory: what is written, and what a killed process leaves of it."""

import pytest
import yaml

from tfregkit.config.experiment import load_experiment
from tfregkit.errors import RunError
from tfregkit.training.run import Run
from tfregkit.training.train import _run

LEFT = [
    ["versions.json"],
    ["versions.json", "config.yaml"],
    ["versions.json", "config.yaml", ".partial-12-resolved.yaml"],
]


def leave(folder, names):
    folder.mkdir()
    for name in names:
        (folder / name).write_text("half")


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("names", [[".partial-12-versions.json"], *LEFT])
def test_a_run_killed_while_it_was_made_starts_anew(config, tmp_path, names, resume):
    leave(tmp_path / "run", names)
    run = _run(load_experiment(config), tmp_path / "run", resume, chief=True)
    assert {path.name for path in run.path.iterdir()} == {"versions.json", "config.yaml", "resolved.yaml"}
    assert (run.path / "config.yaml").read_text() == config.read_text()
    assert (run.path / "versions.json").read_text() != "half"


@pytest.mark.parametrize("names", [["config.yaml"], ["versions.json", "notes.txt"], ["1-registration"]])
def test_a_folder_with_anything_else_is_left_alone(config, tmp_path, names):
    leave(tmp_path / "run", names)
    with pytest.raises(RunError, match="the run directory exists already"):
        Run.create(tmp_path / "run", load_experiment(config))
    assert [(tmp_path / "run" / name).read_text() for name in names] == ["half"] * len(names)


def test_resuming_removes_half_written_files(config, tmp_path):
    run = Run.create(tmp_path / "run", load_experiment(config))
    checkpoints = run.checkpoints(1).folder
    checkpoints.mkdir(parents=True)
    for name in (".partial-0a-step-00000004.npz", "step-00000002.npz"):
        (checkpoints / name).write_text("half")
    _run(load_experiment(config), run.path, resume=True, chief=True)
    assert [path.name for path in checkpoints.iterdir()] == ["step-00000002.npz"]


def test_subjects_that_look_like_numbers_stay_text(config, tmp_path):
    names = ["1e5", "08", "12"]
    data = yaml.safe_load(config.read_text())
    data["stages"][0]["data"]["dataset"]["validation"] = names
    config.write_text(yaml.safe_dump(data).replace("1e5", "'1e5'"))
    run = Run.create(tmp_path / "run", load_experiment(config))
    for found in (run.resolved, Run.open(run.path).experiment.plain()):
        assert found["stages"][0]["data"]["dataset"]["validation"] == names
