"""MixCL on a mixture of sets, and a segmentation that begins with its encoder."""

import shutil

import numpy as np
import pytest
import yaml
from backends import tensorflow_only
from segmentation_data import segmentation_experiment
from training_data import write_subjects
from training_processes import rows

from tfregkit.config.experiment import load_experiment
from tfregkit.training.plan import check_plan
from tfregkit.training.run import Run
from tfregkit.training.train import train

pytestmark = tensorflow_only
TERMS = {
    "identity": {"similarity": "identity_consistency"},
    "label": {"similarity": "label_consistency", "weight": 0.01},
    "reconstruction": {"similarity": "mse", "weight": 0.01},
}
STRATEGY = {"name": "mixcl", "budget": 8, "classes": 3}


def one(folder, name, people, **values):
    images = {"images": f"{folder}/{{subject}}_image.nii.gz", "pairing": "single"}
    if "labels" in values:
        images["labels"] = f"{folder}/{{subject}}_labels.nii.gz"
    parts = {"train": people[:-1], "validation": people[-1:], "test": []}
    return {"name": name, "dataset": {"name": "nifti", **images, **parts}, **values}


def pretraining(folder):
    """One set with labels, one without; six steps of two items."""
    sets = [one(folder, "bare", ["cleo", "dina"])]
    sets.insert(0, one(folder, "labelled", ["anna", "bert", "emil"], labels={"shell": 1, "core": 2}))
    return {
        "name": "pretraining",
        "data": {
            "dataset": {"name": "mixture", "sets": sets},
            "grid": {"mode": "own"},
            "normalisation": {"mode": "zscore"},
            "crop": [8, 8, 12],
            "augmentations": ["affine"],
            "distortions": ["noise"],
            "cache": f"{folder}/cache",
        },
        "model": {
            "name": "mixcl",
            "encoder": {"name": "unet", "filters": [4, 6]},
            "reconstructor": {"name": "unet", "filters": [4], "final": []},
        },
        "objective": {"terms": TERMS},
        "strategy": STRATEGY,
        "trainer": {"steps": 6, "batch_size": 2, "learning_rate": 0.01, "validate_every": 3, "checkpoint_every": 3},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixcl")
    write_subjects(folder)
    return folder


@pytest.fixture(scope="module")
def path(folder):
    experiment = segmentation_experiment(folder)
    (stage,) = experiment["stages"]
    stage["initial"] = {"encoder": "pretraining"}
    stage["trainer"] |= {"steps": 1, "learning_rate": 1e-6, "validate_every": 1}
    del experiment["evaluation"]
    experiment["stages"] = [pretraining(folder), stage]
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump(experiment))
    return path


@pytest.fixture(scope="module")
def run(path):
    return Run.open(train(load_experiment(path), path.parent / "run").path)


def test_it_trains_on_sets_with_and_without_labels(run):
    table = rows(run.path, "1-pretraining")
    losses = [float(row["loss"]) for row in table]
    weights = {name: term.get("weight", 1) for name, term in TERMS.items()}
    expected = [sum(weight * float(row[name]) for name, weight in weights.items()) for row in table]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert losses[-1] < losses[0]
    share = [float(row["label.positives"]) for row in table]
    assert {0.0, 0.5, 1.0} >= set(share)
    assert 0 < np.mean(share) < 1
    assert [float(row["label"]) > 0 for row in table] == [value > 0 for value in share]
    assert all(0 < float(row["identity.diagonal"]) <= 1 for row in table)
    assert [row["step"] for row in table if row["val_loss"]] == ["3", "6"]


def test_a_segmentation_begins_with_the_encoder(run):
    """One step at a rate of a millionth."""
    trained, begun = (run.network(stage).encoder.get_weights() for stage in (1, 2))
    for one_, other in zip(trained, begun, strict=True):
        np.testing.assert_allclose(other, one_, atol=1e-5)
    assert set(run.objective(1).terms) == set(TERMS)


def test_a_run_that_is_cut_goes_on_to_the_same_losses(path, run, folder):
    """The state of the third of six steps: batches, views and drawn voxels of the others are what they were."""
    cut = folder / "cut"
    shutil.copytree(run.path, cut)
    shutil.rmtree(cut / "2-segmentation")
    stage = cut / "1-pretraining"
    (stage / "model.keras").unlink()
    (stage / "checkpoints" / "step-00000006.npz").unlink()
    whole = rows(run.path, stage.name)
    (stage / "metrics.csv").write_text("\n".join((stage / "metrics.csv").read_text().splitlines()[:4]) + "\n")
    again = rows(train(load_experiment(path), cut, resume=True).path, stage.name)
    names = ("step", "loss", *TERMS, "label.positives", "val_loss")
    assert [[row[name] for name in names] for row in again] == [[row[name] for name in names] for row in whole]


def test_images_alone(folder):
    """Without the label term a set needs no labels, and nothing is drawn."""
    stage = pretraining(folder)
    stage["data"]["dataset"]["sets"].pop(0)
    del stage["objective"]["terms"]["label"]
    stage["trainer"] |= {"steps": 1, "validate_every": 1}
    path = folder / "images.yaml"
    path.write_text(yaml.safe_dump({"seed": 1, "stages": [stage]}))
    experiment = load_experiment(path)
    check_plan(experiment)
    (row,) = rows(train(experiment, folder / "images").path, "1-pretraining")
    assert "label" not in row
    assert np.isfinite(float(row["loss"]))
