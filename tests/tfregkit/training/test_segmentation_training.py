"""A whole small segmentation: trained on single scans, evaluated, used."""

import csv
import io

import nibabel as nib
import numpy as np
import pytest
import yaml
from rich.console import Console
from segmentation_data import segmentation_experiment
from training_processes import rows

import tfregkit
from tfregkit.cli.main import run as cli
from tfregkit.config.experiment import load_experiment
from tfregkit.data.base import Pair, Subject
from tfregkit.errors import DataError
from tfregkit.evaluation.evaluate import evaluate_run
from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit.inference.segmenter import Segmenter
from tfregkit.training.run import Run
from tfregkit.training.train import train

STAGE = "stages.segmentation"


@pytest.fixture(scope="module")
def path(tmp_path_factory, subjects):
    """A network and as many steps as let every seed of 1 to 8 learn both structures: validation Dice from 0.87 on."""
    experiment = segmentation_experiment(subjects)
    stage = experiment["stages"][0]
    stage["model"]["encoder"].update(filters=[6, 8], normalization="instance")
    stage["model"]["decoder"].update(filters=[8], final=[8], normalization="instance")
    stage["trainer"].update(steps=60, validate_every=30, checkpoint_every=30)
    found = tmp_path_factory.mktemp("segmentation") / "c.yaml"
    found.write_text(yaml.safe_dump(experiment))
    return found


@pytest.fixture(scope="module")
def run(path):
    return train(load_experiment(path), path.parent / "run")


def test_it_learns_and_validates(run):
    table = rows(run.path, "1-segmentation")
    assert [row["step"] for row in table if row["val_dice"]] == ["30", "60"]
    losses = np.array([float(row["loss"]) for row in table])
    np.testing.assert_allclose(losses, [float(row["dice"]) + float(row["entropy"]) for row in table], rtol=1e-5)
    assert losses[-6:].mean() < 0.5 * losses[:6].mean()
    assert max(float(row["val_dice"]) for row in table if row["val_dice"]) > 0.7


def test_who_validates_is_evaluated_with_the_dice_of_validation(path, tmp_path, subjects):
    """Also where the training grid is larger than the scans, for networks that normalise over an image."""
    changes = [f"{STAGE}.data.grid={{mode: crop_pad, shape: [18, 24, 30]}}", "evaluation=null"]
    changes += [f"{STAGE}.trainer.{key}=30" for key in ("steps", "validate_every", "checkpoint_every")]
    run = train(load_experiment(path, changes), tmp_path / "run")
    validated = float(rows(run.path, "1-segmentation")[-1]["val_dice"])
    image, labels = (subjects / f"dina_{kind}.nii.gz" for kind in ("image", "labels"))
    dina = Pair(*[Subject(id="dina", image=image, labels=labels)] * 2)
    rows_of = evaluate_run(run, EvaluationSettings(metrics=["dice"]), [dina], tmp_path / "out").rows
    found = [row.after for row in rows_of if (row.metric, row.structure) == ("dice", "")]
    assert found == [pytest.approx(validated, abs=1e-5)]
    assert 0.3 < validated < 0.99


def test_test_scans_are_evaluated_by_structure(run):
    with open(run.path / "evaluation" / "summary.csv") as file:
        summary = {(row["metric"], row["structure"]): float(row["after"]) for row in csv.DictReader(file)}
    assert {structure for metric, structure in summary if metric == "hd95"} == {"", "shell", "core"}
    assert summary["dice", "shell"] > 0.7
    assert summary["assd", "shell"] < 1


def test_the_run_keeps_what_it_takes_to_use_it(run, subjects):
    opened = tfregkit.load(run.path)
    assert isinstance(opened, Segmenter)
    assert opened.network.structures == {"shell": (1,), "core": (2,)}
    found = opened.segment(subjects / "emil_image.nii.gz")
    truth = nib.load(subjects / "emil_labels.nii.gz")
    np.testing.assert_array_equal(found.labels.affine, truth.affine)
    assert np.mean(np.asarray(found.labels.dataobj) == np.asarray(truth.dataobj)) > 0.9
    assert set(Run.open(run.path).objective().terms) == {"dice", "entropy"}


def test_a_table_of_scans_is_evaluated(run, subjects, tmp_path, capsys):
    (tmp_path / "scans.csv").write_text(f"image,labels\n{subjects}/anna_image.nii.gz,{subjects}/anna_labels.nii.gz\n")
    words = ["evaluate", str(run.path), "--pairs", str(tmp_path / "scans.csv"), "--out", str(tmp_path / "out")]
    assert cli([*words, "--set", "evaluation.metrics=[dice]"]) == 0
    with open(tmp_path / "out" / "metrics.csv") as file:
        assert {row["pair"] for row in csv.DictReader(file)} == {"anna_image"}


def test_scans_without_labels_cannot_train(path, tmp_path):
    bare = load_experiment(path, [f"{STAGE}.data.dataset.labels=null"])
    with pytest.raises(DataError, match="looks at label maps, and these scans have none: dina"):
        train(bare, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_structures_that_nobody_has_and_labels_of_no_structure(path, tmp_path):
    absent = load_experiment(path, [f"{STAGE}.model.labels={{core: 2, rim: [3, 7]}}"])
    with pytest.raises(DataError, match=r"no training scan has a label of `rim` .* in the training scans: 1, 2"):
        train(absent, tmp_path / "run")
    console = Console(file=io.StringIO(), width=200)
    core = load_experiment(path, [f"{STAGE}.model.labels=[2]", f"{STAGE}.trainer.steps=0", "evaluation=null"])
    train(core, tmp_path / "run", console=console)
    assert "background, of no structure: labels 1" in console.file.getvalue()
