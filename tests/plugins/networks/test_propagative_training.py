"""The propagative network under the trainer: terms of its levels, and a pair refined afterwards."""

import numpy as np
import pytest
import yaml
from backends import tensorflow_only
from training_data import small_experiment, write_subjects
from training_processes import rows

import tfregkit
from tfregkit.config.experiment import load_experiment
from tfregkit.training.train import train

pytestmark = tensorflow_only  # a long time elsewhere; what it is made of is tested on all backends
MODEL = {"name": "propagative", "variational": True, "feature_filters": [3, 2], "matching_filters": [3, 2], "steps": 2}
MODEL |= {"regularization_filters": [2], "dilations": [2]}
TERMS = {
    "similarity_P1": {"similarity": {"name": "mse"}, "views": ["P1"]},
    "smoothness": {"regularizer": {"name": "diffusion", "on": "velocity"}},
    "smoothness_P2": {"regularizer": {"name": "diffusion", "on": "velocity.P2"}},
    "folds_P2": {"regularizer": {"name": "negative_jacobian", "on": "displacement.P2"}},
    "kl_P1": {"regularizer": {"name": "kl", "convention": "clmorph", "on": "latent.P1"}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("propagative")
    write_subjects(folder)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    """Two steps."""
    experiment = small_experiment(folder)
    (stage,) = experiment["stages"]
    stage["model"] = MODEL
    stage["objective"]["terms"] |= TERMS
    stage["trainer"] |= {"steps": 2, "validate_every": 2}
    path = folder / "propagative.yaml"
    path.write_text(yaml.safe_dump(experiment))
    return train(load_experiment(path), folder / "run")


def test_terms_of_levels_are_logged_and_finite(run):
    found = np.array([[float(row[name]) for name in TERMS] for row in rows(run.path)])
    assert found.shape == (2, len(TERMS))
    assert np.isfinite(found).all()
    assert found[:, [0, 4]].min() > 0  # images differ, and so does a variance from 1


def test_a_pair_is_refined_without_the_terms_of_levels(run, folder):
    images = [folder / f"{name}_image.nii.gz" for name in ("dina", "emil")]
    assert np.isfinite(tfregkit.load(run.path).register(*images, refine=1).warp.get_fdata()).all()
