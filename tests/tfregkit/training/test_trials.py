"""Training the runs of a sweep: each once, whatever happens in between."""

import io
import json

import pandas as pd
import pytest
import yaml
from matplotlib.image import imread
from rich.console import Console
from training_data import small_experiment

from tfregkit.cli.main import run as tfregkit
from tfregkit.config.trials import load_trials
from tfregkit.errors import ConfigError, RunError, TrainingError
from tfregkit.training import trials as module
from tfregkit.training.train import train

WEIGHT = "stages.registration.objective.terms.smoothness.weight"
NAMES = ["smoothness.weight=0.1", "smoothness.weight=0.5"]


@pytest.fixture
def config(subjects, tmp_path):
    plan = small_experiment(subjects)
    plan["sweep"] = {"grid": {WEIGHT: [0.1, 0.5]}}
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(plan))
    return path


def test_runs_that_are_done_are_skipped_and_the_interrupted_one_goes_on(config, tmp_path, capsys):
    folder = tmp_path / "sweep"
    first, second = load_trials(config)
    started = load_trials(config, ["stages.registration.trainer.steps=4"])[1]
    train(first.experiment, folder / first.name, console=Console(quiet=True))
    train(started.experiment, folder / second.name, console=Console(quiet=True))
    evaluation = folder / first.name / "evaluation"
    evaluation.mkdir()
    lines = [("dice", "", 0.75, "registration"), ("dice", "1", 0.5, "registration"), ("seconds", "", 9, "registration")]
    summary = pd.DataFrame(lines, columns=["metric", "structure", "after", "direction"]).assign(**{"lambda": ""})
    summary.to_csv(evaluation / "summary.csv", index=False)
    untouched = (folder / first.name / "1-registration" / "metrics.csv").stat().st_mtime_ns

    assert tfregkit(["train", str(config), "--run-dir", str(folder)]) == 2
    assert "the directory exists already. Continue with --resume" in capsys.readouterr().err
    assert tfregkit(["train", str(config), "--run-dir", str(folder), "--resume"]) == 0
    said = capsys.readouterr().out
    assert "trained already" in said.split("2 of 2")[0]
    assert "going on from step 4" in said.split("2 of 2")[1]
    assert (folder / first.name / "1-registration" / "metrics.csv").stat().st_mtime_ns == untouched

    table = pd.read_csv(folder / "trials.csv")
    assert table["trial"].tolist() == NAMES
    assert table[WEIGHT].tolist() == [0.1, 0.5]
    assert table["state"].tolist() == ["done", "done"]
    assert table["steps"].tolist() == [6, 6]
    assert table["pairs"].tolist() == [12, 12]
    assert table["best"].sum() == 1
    assert table[["dice", "seconds_per_pair"]].iloc[0].tolist() == [0.75, 9]
    assert table["dice"].isna().tolist() == [False, True]
    for row in table.to_dict("records"):
        run = folder / row["trial"]
        steps = pd.read_csv(run / "1-registration" / "metrics.csv")
        assert row["seconds"] == pytest.approx(steps["seconds"].sum(), rel=1e-4)
        assert row["val_dice"] == pytest.approx(steps["val_dice"].max(), rel=1e-4)
    assert imread(folder / "trials.png").ndim == 3
    assert tfregkit(["cost", str(folder), f"one={folder / NAMES[0]}", "--out", str(tmp_path / "cost")]) == 0
    cost = pd.read_csv(tmp_path / "cost" / "cost.csv").set_index("label")
    assert cost.loc["sweep", ["runs", "steps", "pairs"]].tolist() == [2, 12, 24]
    assert cost.loc["sweep", "val_dice"] == table["val_dice"].max()
    assert cost.loc["one", "seconds"] < cost.loc["sweep", "seconds"]


def quietly(config, folder, **options):
    console = Console(file=io.StringIO(), width=200)
    return module.train_trials(load_trials(config), folder, console=console, **options)


def test_a_run_that_fails_is_told_and_the_others_go_on(config, tmp_path, monkeypatch):
    trained = []

    def fails_once(experiment, path, **options):
        trained.append(path.name)
        if path.name == NAMES[0]:
            raise TrainingError("the loss is\nnot finite")

    monkeypatch.setattr(module, "train", fails_once)
    rows = quietly(config, tmp_path / "sweep")
    assert trained == NAMES
    assert [(row.state, row.reason) for row in rows] == [("failed", "the loss is\nnot finite"), ("missing", "")]
    table = pd.read_csv(tmp_path / "sweep" / "trials.csv")
    assert table["reason"].tolist()[0] == "the loss is not finite"


def test_what_does_not_fit_is_refused_before_anything_is_trained(config, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "train", lambda *arguments, **options: pytest.fail("trained"))
    plan = yaml.safe_load(config.read_text())
    plan["sweep"] = {"grid": {"stages.registration.objective.lambda": [None, "uniform"]}}
    config.write_text(yaml.safe_dump(plan))
    with pytest.raises(
        ConfigError, match=r"c.yaml: sweep: objective.lambda=uniform: .*c.yaml:\d+: stage `registration`: .* takes"
    ):
        quietly(config, tmp_path / "sweep")
    plan["sweep"] = {"grid": {"stages.registration.trainer.distribute": ["multiworker"]}}
    config.write_text(yaml.safe_dump(plan))
    with pytest.raises(ConfigError, match="runs of several workers cannot be trained in one process"):
        quietly(config, tmp_path / "sweep")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "resolved.yaml").write_text("stages: []")
    with pytest.raises(RunError, match="is the directory of a single run"):
        quietly(config, tmp_path / "run", resume=True)
    assert not (tmp_path / "sweep").exists()


def test_a_run_of_another_configuration_is_refused(config, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "train", lambda *arguments, **options: pytest.fail("trained"))
    trial = load_trials(config, ["seed=77"])[0]
    folder = tmp_path / "sweep" / trial.name
    folder.mkdir(parents=True)
    (folder / "resolved.yaml").write_text(json.dumps(trial.experiment.plain()))
    with pytest.raises(RunError, match="seed: was 77, is 5"):
        quietly(config, tmp_path / "sweep", resume=True)


def test_train_does_not_overlook_a_sweep(config, tmp_path):
    from tfregkit.config.experiment import load_experiment

    with pytest.raises(ConfigError, match="has a `sweep`, which `training.trials.train_trials` trains"):
        train(load_experiment(config), tmp_path / "x")


def test_validate_looks_at_every_run(config, capsys):
    assert tfregkit(["validate", str(config)]) == 0
    assert "Sweep: 2 runs." in capsys.readouterr().out
