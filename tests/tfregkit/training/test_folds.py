"""Cross-validation: every subject is tested once, whatever happens in between."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.image import imread
from segmentation_data import segmentation_experiment
from training_data import SUBJECTS, small_experiment

from tfregkit.cli.main import run as tfregkit
from tfregkit.config.folds import load_folds
from tfregkit.errors import ConfigError, DataError, TrainingError
from tfregkit.training import folds as module
from tfregkit.training import trials as each
from tfregkit.training.run import Run


def written(plan, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(plan))
    return path


@pytest.fixture
def config(subjects, tmp_path):
    plan = segmentation_experiment(subjects)
    plan["stages"][0]["trainer"] |= {"steps": 1}
    plan["evaluation"] = {"metrics": ["dice"], "pictures": 0}
    return written(plan, tmp_path)


def test_each_subject_is_tested_once_and_what_is_done_is_not_done_again(config, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "cv"
    words = ["crossval", str(config), "--folds", "2", "--run-dir", str(folder)]
    real = each.train

    def killed_in_the_second(experiment, path, **options):
        if path.name == "fold-2":
            raise TrainingError("the disk\nis full")
        return real(experiment, path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(each, "train", killed_in_the_second)
        assert tfregkit(words) == 1
    assert "fold-2 failed: the disk" in capsys.readouterr().out
    half = pd.read_csv(folder / "folds.csv", keep_default_na=False)
    assert set(half["fold_2"]) == {""}
    before = (folder / "fold-1" / "1-segmentation" / "metrics.csv").stat().st_mtime_ns
    assert tfregkit(words) == 2
    assert tfregkit([*words, "--resume"]) == 0
    shown = capsys.readouterr().out
    assert "trained already" in shown.split("2 of 2")[0]
    assert "shell" in shown
    assert (folder / "fold-1" / "1-segmentation" / "metrics.csv").stat().st_mtime_ns == before

    who = pd.read_csv(folder / "subjects.csv")
    assert sorted(who["subject"]) == sorted(SUBJECTS)
    rows = pd.read_csv(folder / "evaluation" / "metrics.csv", keep_default_na=False)
    dice = rows[(rows["metric"] == "dice") & (rows["structure"] == "core")].set_index("pair")["after"].astype(float)
    assert len(dice) == len(SUBJECTS)
    table = pd.read_csv(folder / "folds.csv", keep_default_na=False).set_index(["metric", "structure"])
    line = table.loc[("dice", "core")]
    folds = who.groupby("fold")["subject"].apply(list)
    for number, persons in folds.items():
        resolved = Run.open(folder / f"fold-{number}").resolved["stages"][0]["data"]["dataset"]
        assert resolved["fold"] == [number, 2]
        own = [dice[pair] for pair in dice.index if pair.startswith(tuple(persons))]
        assert line[f"fold_{number}"] == pytest.approx(np.mean(own), abs=1e-5)
    means = [line["fold_1"], line["fold_2"]]
    assert line["mean"] == pytest.approx(np.mean(means), abs=1e-5)
    assert line["sd"] == pytest.approx(np.std(means, ddof=1), abs=1e-5)
    summary = pd.read_csv(folder / "evaluation" / "summary.csv", keep_default_na=False).set_index("structure")
    assert float(summary.loc["core", "after"]) == pytest.approx(dice.mean(), abs=1e-5)
    assert json.loads((folder / "evaluation" / "metrics.json").read_text())["metrics"]["dice"]
    assert imread(folder / "dice.png").ndim == 3
    out = tmp_path / "compared"
    assert tfregkit(["compare", str(folder), "--direction", "segmentation", "--out", str(out)]) == 0
    assert tfregkit(["crossval", str(config), "--folds", "3", "--run-dir", str(folder), "--resume"]) == 2
    assert "fold.1: was 2, is 3" in capsys.readouterr().err


def test_pairs_of_a_registration_stay_within_the_fold_that_is_tested(subjects, tmp_path):
    plan = small_experiment(subjects) | {"evaluation": {"metrics": ["dice"]}}
    trials = load_folds(written(plan, tmp_path), 2, ["stages.registration.data.dataset.validation=null"])
    tested = []
    for trial in trials:
        split = trial.experiment.stages[0].data.dataset.build().split(trial.experiment.seed)
        persons = {pair.moving.subject for pair in split.test}
        assert persons == {pair.fixed.subject for pair in split.test}
        assert len(split.test) == len(persons) * (len(persons) - 1)
        tested += persons
    assert sorted(tested) == sorted(SUBJECTS)


@pytest.fixture
def without_core(tmp_path):
    """Four subjects, of whom the first alone has label 2."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(4):
        labels = np.zeros((5, 7, 11), "int16")
        labels[1:3, 2:5, 3:7] = 1
        labels[2, 3, 4] = 1 + (number == 0)
        for kind, data in (("image", labels * 2.0), ("labels", labels)):
            nib.save(nib.Nifti1Image(data.astype("float32"), np.eye(4)), folder / f"s{number}_{kind}.nii.gz")
    return folder


def test_a_fold_without_a_class_is_named(without_core, tmp_path, monkeypatch):
    monkeypatch.setattr(each, "train", lambda *arguments, **options: pytest.fail("trained"))
    plan = segmentation_experiment(without_core)
    plan["stages"][0]["data"]["dataset"] |= {"validation": None, "test": None}
    plan["evaluation"] = {"metrics": ["dice"]}
    trials = load_folds(written(plan, tmp_path), 2)
    expected = r"fold-[12]: no scan that it (trains on|tests) has a label of `core` \(2\)\. .*seed=4`"
    with pytest.raises(DataError, match=expected):
        module.train_folds(trials, tmp_path / "cv")
    assert not (tmp_path / "cv").exists()
    with pytest.raises(DataError, match=r"7 folds of 4 subjects"):
        module.train_folds(load_folds(tmp_path / "c.yaml", 7), tmp_path / "cv")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"evaluation": None}, "needs a section `evaluation`"),
        ({"evaluation": {"pairs": "validation"}}, "with `pairs: test`"),
        ({"sweep": {"grid": {"stages.segmentation.trainer.steps": [1, 2]}}}, "has a `sweep`"),
    ],
)
def test_configurations_that_cannot_be_cross_validated(config, tmp_path, change, said):
    plan = yaml.safe_load(config.read_text()) | change
    with pytest.raises(ConfigError, match=said):
        load_folds(written(plan, tmp_path), 2)


def test_data_sets_without_folds_and_too_few_of_them(config, tmp_path, capsys):
    plan = yaml.safe_load(config.read_text())
    plan["stages"][0]["data"]["dataset"] = {"name": "demo"}
    with pytest.raises(ConfigError, match="stage `segmentation`: data set `demo` has no parameter `fold`"):
        load_folds(written(plan, tmp_path), 2)
    with pytest.raises(ConfigError, match="at least 2 folds"):
        load_folds("segmentation_mini", 1)
    assert tfregkit(["crossval", "segmentation_mini", "--folds", "1"]) == 2
    assert "--folds" in capsys.readouterr().err
