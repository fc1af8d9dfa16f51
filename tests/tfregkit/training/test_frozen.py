"""Parts of a network that keep their weights while the others train."""

import copy
import re

import numpy as np
import pytest
import yaml
from keras import ops
from segmentation_data import segmentation_experiment
from training_data import small_experiment

from tfregkit.config.experiment import load_experiment
from tfregkit.errors import ConfigError
from tfregkit.training.plan import check_plan
from tfregkit.training.train import train


def frozen(folder, *parts, normalization="batch", **trainer):
    """A segmentation of two steps, and another that begins with its encoder and keeps the parts."""
    first = segmentation_experiment(folder)["stages"][0]
    first["model"]["encoder"] |= {"normalization": normalization}
    first["trainer"] = {"steps": 2, "learning_rate": 0.01, "validate_every": 2, "checkpoint_every": 2}
    second = copy.deepcopy(first)
    second |= {"name": "second", "initial": {"encoder": "segmentation"}, "freeze": list(parts)}
    second["trainer"] |= {"steps": 4, **trainer}
    return {"seed": 3, "stages": [first, second]}


def written(experiment, tmp_path, *overrides):
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(experiment, sort_keys=False))
    return load_experiment(path, overrides)


def values(layer):
    return [ops.convert_to_numpy(variable) for variable in layer.variables]


def test_frozen_weights_stay_to_the_bit_and_the_others_are_trained(subjects, tmp_path, capsys):
    """Statistics of batch normalisation are weights, too: another stage's data must not move them."""
    run = train(written(frozen(subjects, "encoder"), tmp_path), tmp_path / "run")
    assert "second: stays as it begins: the `encoder`\n" in capsys.readouterr().out
    first, second = run.network(1), run.network(2)
    moving = [variable for variable in second.encoder.variables if "moving_mean" in variable.path]
    assert len(moving) == 2
    assert np.abs(ops.convert_to_numpy(moving[0])).max() > 1e-4  # the first stage has moved them
    for own, theirs in zip(values(second.encoder), values(first.encoder), strict=True):
        np.testing.assert_array_equal(own, theirs)
    before = train(written(frozen(subjects, "encoder", steps=0), tmp_path), tmp_path / "before").network(2)
    changed = [
        np.abs(own - theirs).max() > 1e-3
        for own, theirs in zip(values(second.decoder), values(before.decoder), strict=True)
    ]
    assert all(changed)


def test_without_freeze_the_same_weights_change(subjects, tmp_path):
    run = train(written(frozen(subjects), tmp_path), tmp_path / "run")
    first, second = run.network(1), run.network(2)
    kernels = [values(network.encoder)[0] for network in (first, second)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3


def test_a_resumed_stage_goes_on_as_one_that_was_not_stopped(subjects, tmp_path):
    whole = train(written(frozen(subjects, "encoder"), tmp_path), tmp_path / "whole")
    experiment = frozen(subjects, "encoder", steps=2)
    train(written(experiment, tmp_path), tmp_path / "parted")
    longer = written(experiment, tmp_path, "stages.second.trainer.steps=4")
    parted = train(longer, tmp_path / "parted", resume=True)
    for own, theirs in zip(values(parted.network(2)), values(whole.network(2)), strict=True):
        np.testing.assert_array_equal(own, theirs)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["encodr"], "freeze: the network of this stage has no part `encodr`. Its parts: .*`encoder`, `decoder`"),
        (
            ["encoder", "decoder", "head"],
            "freeze: nothing of the network is left to train without encoder, decoder, head",
        ),
    ],
)
def test_what_cannot_be_frozen_is_told_with_its_line(subjects, tmp_path, parts, said):
    experiment = written(frozen(subjects, *parts), tmp_path)
    lines = (tmp_path / "c.yaml").read_text().splitlines()
    number = max(i for i, line in enumerate(lines, start=1) if re.match(" +freeze:", line))
    with pytest.raises(ConfigError, match=rf"c.yaml:{number}: stage `second`: {said}"):
        check_plan(experiment)


def test_a_registration_with_a_frozen_encoder(subjects, tmp_path):
    experiment = small_experiment(subjects)
    stage = experiment["stages"][0]
    stage["model"] = {
        "name": "siamese",
        "encoder": {"name": "unet", "filters": [4, 6]},
        "decoder": {"name": "unet", "filters": [6], "final": [6]},
    }
    begun = train(written({**experiment, "stages": [{**stage, "trainer": {"steps": 0}}]}, tmp_path), tmp_path / "begun")
    run = train(written({**experiment, "stages": [{**stage, "freeze": ["encoder"]}]}, tmp_path), tmp_path / "run")
    for own, theirs in zip(values(run.network().encoder), values(begun.network().encoder), strict=True):
        np.testing.assert_array_equal(own, theirs)
    kernels = [values(network.decoder)[0] for network in (run.network(), begun.network())]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3
