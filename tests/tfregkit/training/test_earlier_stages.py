"""Stages that take trained weights from those before: ContraReg in small."""

import copy
import shutil

import numpy as np
import pytest
import yaml
from keras import ops
from training_data import small_experiment
from training_processes import rows

import tfregkit
from tfregkit.config.experiment import load_experiment
from tfregkit.errors import ConfigError
from tfregkit.training.plan import check_plan
from tfregkit.training.run import Run
from tfregkit.training.stage import Stage
from tfregkit.training.train import train

CONTRAST = {"name": "mcr", "negatives": 15, "width": 7, "temperature": 0.07}


def stages_of(folder):
    """Two autoencoders in one stage, and a symmetric registration, on a grid of 16 x 16 x 24."""
    registration = small_experiment(folder)["stages"][0]
    registration["data"]["grid"] = {"spacing": 1.0, "shape": [16, 16, 24]}
    registration["trainer"] = {"steps": 4, "learning_rate": 0.01, "validate_every": 2, "checkpoint_every": 2}
    autoencoders = copy.deepcopy(registration)
    autoencoders["name"] = "autoencoders"
    autoencoders["data"]["crop"] = [8, 16, 16]
    autoencoders["model"] = {"name": "autoencoder", "filters": [2, 3, 4, 3, 2, 2, 2]}
    autoencoders["objective"] = {"terms": {"l1": {"similarity": "mae"}}}
    autoencoders["strategy"] = "reconstruction"
    registration["model"] |= {"steps": 1, "bidirectional": True, "resolution": "full"}
    registration["strategy"] = {"name": "unsupervised", "symmetric": True}
    features = {"moving_features": "autoencoders", "fixed_features": "autoencoders"}
    registration["objective"]["terms"]["likeness"] = {"similarity": {**CONTRAST, **features}}
    return [autoencoders, registration]


@pytest.fixture
def contrareg(subjects, tmp_path):
    """Writes a configuration of stages; and the stages."""
    return lambda stages: written(stages, tmp_path), stages_of(subjects)


def written(stages, folder):
    path = folder / "contrareg.yaml"
    path.write_text(yaml.safe_dump({"seed": 3, "stages": stages}))
    return load_experiment(path)


@pytest.fixture(scope="module")
def trained(subjects, tmp_path_factory):
    folder = tmp_path_factory.mktemp("contrareg")
    return train(written(stages_of(subjects), folder), folder / "run")


def stage(run, number):
    """A stage as it is before its first step."""
    settings = run.experiment.stages[number - 1]
    return Stage(Run.of(run.path, run.experiment), number, settings, 3, False, None)


def values(layer):
    return [ops.convert_to_numpy(variable) for variable in layer.variables]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_autoencoders_are_frozen_and_heads_learn(trained):
    assert [trained.finished(number) for number in (1, 2)] == [True, True]
    losses = rows(trained.path, "1-autoencoders")
    assert losses[-1]["val_loss"]
    assert not losses[-1]["val_dice"]

    term = Run.open(trained.path).objective().terms["likeness"]
    branches = trained.network(1).branches
    for role in ("moving", "fixed"):
        assert same(values(term.extractors[role]), values(branches[role]))
    assert not same(values(term.extractors["moving"]), values(term.extractors["fixed"]))
    assert not same(values(term.projection), values(stage(trained, 2).trainer.objective.terms["likeness"].projection))


def test_a_pair_is_refined_by_the_learnt_similarity(trained, subjects):
    """`register --refine` descends the objective with the run's extractors and heads, at new voxels in each step."""
    registration, seen = tfregkit.load(trained.path), []
    images = [subjects / f"{name}_image.nii.gz" for name in ("anna", "bert")]
    registration.register(*images, refine=3, progress=lambda name, step, steps, loss: seen.append(loss))
    assert len(set(seen)) == 3
    assert np.isfinite(seen).all()
    term = registration._objective.terms["likeness"]
    assert same(values(term.projection), values(Run.open(trained.path).objective().terms["likeness"].projection))


def test_a_resumed_run_draws_the_same_voxels(trained, tmp_path):
    part = tmp_path / "part"
    shutil.copytree(trained.path, part)
    folder = part / "2-registration"
    for file in (folder / "model.keras", *(folder / "checkpoints").glob("step-*4.npz"), *folder.glob("*/best.npz")):
        file.unlink()
    train(trained.experiment, part, resume=True)
    for one, other in zip(rows(trained.path, "2-registration"), rows(part, "2-registration"), strict=True):
        assert (one["loss"], one["likeness"]) == (other["loss"], other["likeness"])


def test_stages_of_no_steps_keep_what_was_drawn_and_external_negatives_come_from_others(contrareg, tmp_path):
    """RandAE: features of frozen random autoencoders."""
    write, stages = contrareg
    stages[0]["trainer"]["steps"], stages[1]["trainer"]["steps"] = 0, 1
    stages[1]["objective"]["terms"]["likeness"]["similarity"]["external_negatives"] = 6
    run = train(write(stages), tmp_path / "run")
    assert run.checkpoints(1).steps() == [0]
    assert same(values(stage(run, 1).trainer.network), values(run.network(1)))
    assert {"moving_others", "fixed_others", "noise"} <= set(stage(run, 2).example)
    assert np.isfinite(float(rows(run.path, "2-registration")[0]["likeness"]))
    assert train(run.experiment, run.path, resume=True).finished(2)  # nothing is left to do, and nothing fails


def test_supervised_pre_training_hands_over_features_and_heads(contrareg, tmp_path):
    """SupPretrain: autoencoders and heads learn on aligned pairs, then the heads go on with the registration."""
    write, (first, registration) = contrareg
    terms = first["objective"]["terms"]
    terms["l1"]["views"] = ["moving", "fixed"]
    terms["contrast"] = {"similarity": CONTRAST, "views": ["backward"], "weight": 0.1}
    registration["objective"]["terms"]["likeness"]["similarity"]["heads"] = "autoencoders"
    registration["trainer"]["steps"] = 0
    run = train(write([first, registration]), tmp_path / "run")
    learnt = run.objective(1).terms["contrast"].projection
    begun = stage(run, 2).trainer.objective.terms["likeness"]
    assert same(values(begun.projection), values(learnt))
    assert same(values(begun.extractors["fixed"]), values(run.network(1).branches["fixed"]))
    losses = rows(run.path, "1-autoencoders")
    for row in losses:
        assert float(row["loss"]) == pytest.approx(float(row["l1"]) + 0.1 * float(row["contrast"]), rel=1e-4)


@pytest.mark.parametrize("name", ["registration", "nowhere"])
def test_a_stage_that_does_not_come_before_is_named_with_its_line(contrareg, name):
    write, stages = contrareg
    stages[1]["objective"]["terms"]["likeness"]["similarity"]["fixed_features"] = name
    with pytest.raises(ConfigError) as error:
        write(stages)
    message = str(error.value)
    assert f"there is no stage `{name}` before this one. Earlier stages: `autoencoders`" in message
    assert "contrareg.yaml:" in message
    assert "likeness.similarity.fixed_features" in message


def test_a_stage_without_features_is_refused_before_it_is_trained(contrareg, tmp_path):
    write, stages = contrareg
    stages[0]["model"] = {"name": "voxelmorph", "encoder_filters": [3, 5], "decoder_filters": [5, 5, 3]}
    stages[0]["strategy"] = "unsupervised"
    with pytest.raises(ConfigError, match="stage `registration`: network `VoxelMorph` gives no features to later stag"):
        train(write(stages), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("contrast", "message"),
    [
        (None, "no term of stage `autoencoders` is `patch_nce` or `mcr`"),
        (
            {**CONTRAST, "width": 8},
            "those of stage `autoencoders` have width 8 and depth 3, these 7 and 3. Use the same",
        ),
    ],
)
def test_heads_that_an_earlier_stage_cannot_give(contrareg, contrast, message):
    write, stages = contrareg
    if contrast:
        stages[0]["objective"]["terms"]["contrast"] = {"similarity": contrast}
    stages[1]["objective"]["terms"]["likeness"]["similarity"]["heads"] = "autoencoders"
    with pytest.raises(ConfigError, match=message):
        check_plan(write(stages))
