"""Whole small trainings that learn a weight: what they write, that they resume exactly, and what they refuse."""

import io
import shutil

import keras
import numpy as np
import pytest
import yaml
from rich.console import Console
from training_data import small_experiment
from training_processes import numbers, rows

import tfregkit
from tfregkit.config.experiment import load_experiment
from tfregkit.errors import ConfigError
from tfregkit.training.stage import Stage
from tfregkit.training.train import train

STRATEGY = {"name": "bilevel", "learn": ["smoothness"], "every": 2, "start": 1, "learning_rate": 0.1}


@pytest.fixture(scope="module")
def config(subjects, tmp_path_factory):
    path = tmp_path_factory.mktemp("bilevel") / "small.yaml"
    experiment = small_experiment(subjects)
    experiment["stages"][0]["strategy"] = STRATEGY
    path.write_text(yaml.safe_dump(experiment))
    return path


def trained(config, run, *settings, **options):
    return train(load_experiment(config, [f"stages.registration.{setting}" for setting in settings]), run, **options)


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    return trained(config, tmp_path_factory.mktemp("run") / "run")


def learned(run):
    return [float(row["smoothness.weight"]) for row in rows(run)]


def test_the_weight_is_logged_and_changes_in_the_steps_that_were_asked_for(run):
    seen = learned(run.path)
    changed = [step for step in range(1, 6) if seen[step] != seen[step - 1]]
    assert seen[0] == pytest.approx(0.1)
    assert changed == [1, 3, 5]
    assert all(0.02 < value < 0.5 for value in seen)


def test_what_was_learned_is_written_and_used(run):
    """The values of the best checkpoint are those of the step it was saved in; refinement gets them."""
    folder = run.path / "1-registration"
    record = yaml.safe_load((folder / "learned.yaml").read_text())["smoothness.weight"]
    seen = learned(run.path)
    best = max((row for row in rows(run.path) if row["val_dice"]), key=lambda row: float(row["val_dice"]))
    assert record["initial"] == 0.1
    assert record["last"] == pytest.approx(seen[-1], rel=1e-6)
    assert record["used"] == pytest.approx(float(best["smoothness.weight"]), rel=1e-6)
    objective = run.objective()
    assert float(keras.ops.convert_to_numpy(objective.term_weights["smoothness"])) == pytest.approx(record["used"])
    assert (folder / "learned.png").stat().st_size > 10_000
    assert run.experiment.stages[0].objective.terms["smoothness"].weight == 0.1


def test_a_run_that_was_cut_goes_on_bit_for_bit(config, run, tmp_path):
    """From step 4, with two changes of the weight behind it and one before it."""
    shutil.copytree(run.path, tmp_path / "run")
    folder = tmp_path / "run" / "1-registration"
    for made in (folder / "model.keras", folder / "checkpoints" / "step-00000006.npz"):
        made.unlink()
    trained(config, tmp_path / "run", resume=True)
    assert learned(tmp_path / "run") == learned(run.path)
    assert numbers(tmp_path / "run") == numbers(run.path)
    assert (folder / "learned.yaml").read_text() == (run.path / "1-registration" / "learned.yaml").read_text()


def test_refinement_descends_the_learned_objective(run, subjects):
    registration = tfregkit.load(run.path)
    weights = registration._objective.term_weights
    assert float(keras.ops.convert_to_numpy(weights["smoothness"])) != 0.1
    images = [subjects / f"{name}_image.nii.gz" for name in ("dina", "emil")]
    assert np.isfinite(registration.register(*images, refine=2).moved.get_fdata()).all()


def refused(config, tmp_path, *settings, match):
    with pytest.raises(ConfigError, match=match):
        trained(config, tmp_path / "run", *settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (["strategy.learn=[smoothnes]"], r"strategy `bilevel`: `smoothnes` is no hyper-.* Did you mean `smoothness`"),
        (["data.dataset.validation=null"], "learns from validation pairs, and this data set has none. Hold subjects"),
        (["trainer.remat=true"], "looks at the network with other weights than its own, which recomputed layers"),
        (["model.remat=true"], "looks at the network with other weights than its own, which recomputed layers"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(config, tmp_path, settings, match):
    refused(config, tmp_path, *settings, match=match)


def test_other_backends_are_named(config, tmp_path, monkeypatch):
    monkeypatch.setattr("tfregkit.training.trainer.Trainer.takes_held_out", False)
    refused(config, tmp_path, match="strategy `bilevel` trains with the TensorFlow backend")


def test_the_papers_objective_is_warned_of(config, tmp_path, monkeypatch):
    monkeypatch.setattr(Stage, "fit", lambda self: None)
    console = Console(file=io.StringIO())
    trained(config, tmp_path / "run", "strategy.upper=paper", console=console)
    assert "Warning: strategy `bilevel`: `upper: paper` judges by the very objective" in console.file.getvalue()
