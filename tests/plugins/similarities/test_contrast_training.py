"""Whole small trainings with the contrastive terms: what is logged, refused, and used afterwards."""

import numpy as np
import pytest
import yaml
from backends import tensorflow_only
from training_data import small_experiment, write_subjects
from training_processes import rows

import tfregkit
from tfregkit.config.experiment import load_experiment
from tfregkit.errors import ConfigError
from tfregkit.training.plan import check_plan
from tfregkit.training.train import train

pytestmark = tensorflow_only
MODEL = {"name": "clmorph", "encoder_filters": [3, 4], "bottom_filters": [5], "decoder_filters": [4, 3]}
MODEL |= {"probabilistic": False, "normalization": "none"}
TERMS = {
    "contrast": {"similarity": {"name": "nt_xent", "width": 5}, "weight": 0.01},
    "patches": {"similarity": {"name": "patch_contrast", "width": 5, "level": "P1"}, "weight": 0.01},
    "prediction": {"similarity": {"name": "byol", "width": 5, "hidden": 7}, "weight": 0.01},
}


def written(folder, strategy="momentum", terms=TERMS, **trainer):
    experiment = small_experiment(folder)
    (stage,) = experiment["stages"]
    stage |= {"model": MODEL, "strategy": strategy}
    stage["objective"]["terms"] |= terms
    stage["trainer"] |= {"steps": 2, "validate_every": 2, **trainer}
    path = folder / "contrast.yaml"
    path.write_text(yaml.safe_dump(experiment))
    return load_experiment(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contrast")
    write_subjects(folder)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return train(written(folder), folder / "run")


def test_what_terms_watch_is_logged_beside_them(run):
    table = rows(run.path)
    names = list(table[0])
    for term in TERMS:
        assert names[names.index(term) + 1] == f"{term}.spread"
        values = np.array([[float(row[name]) for name in (term, f"{term}.spread")] for row in table])
        assert np.isfinite(values).all()
    losses = [float(row["loss"]) for row in table]
    weighted = [("likeness", 1), ("smoothness", 0.1), *((term, 0.01) for term in TERMS)]
    expected = [sum(weight * float(row[name]) for name, weight in weighted) for row in table]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert table[-1]["val_loss"]


def test_a_pair_is_refined_and_fitted_without_the_terms_of_features(run, folder):
    registration, seen = tfregkit.load(run.path), []
    images = [folder / f"{name}_image.nii.gz" for name in ("anna", "bert")]
    registration.register(*images, refine=2, progress=lambda name, *numbers: seen.append(name))
    assert seen == ["refine", "refine"]
    assert type(registration._similarity()).__name__ == "MSE"  # of the affine fit


def test_one_pair_per_batch_is_refused_before_anything_is_written(folder):
    experiment = written(folder, batch_size=1)
    message = "stage `registration`: objective.terms.contrast: similarity `nt_xent` .* batch of 1 there are none"
    with pytest.raises(ConfigError, match=message):
        train(experiment, folder / "never")
    assert not (folder / "never").exists()


def test_byol_works_with_one_pair_per_batch_and_needs_its_strategy(folder):
    terms = {"prediction": TERMS["prediction"]}
    table = rows(train(written(folder, terms=terms, batch_size=1), folder / "single").path)
    assert np.isfinite([float(row["prediction"]) for row in table]).all()
    assert [float(row["prediction.spread"]) > 0 for row in table] == [False, True]
    message = "stage `registration`: strategy: .* `unsupervised` keeps none. Strategies that do: `momentum`"
    with pytest.raises(ConfigError, match=message):
        check_plan(written(folder, "unsupervised", terms, batch_size=1))
