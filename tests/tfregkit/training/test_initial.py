"""A stage whose encoder begins where an earlier stage's ended."""

import copy
import re

import numpy as np
import pytest
import yaml
from keras import ops
from rich.console import Console
from segmentation_data import segmentation_experiment
from training_data import small_experiment

import tfregkit
from tfregkit.cli.main import run as tfregkit_command
from tfregkit.config.experiment import load_experiment
from tfregkit.errors import ConfigError, RunError
from tfregkit.training.plan import check_plan
from tfregkit.training.run import Run
from tfregkit.training.train import train


def two_stages(folder, **model):
    """A segmentation, then another one of the same encoder that begins with its weights and is not trained."""
    experiment = segmentation_experiment(folder)
    first = experiment["stages"][0]
    first["trainer"] = {"steps": 2, "learning_rate": 0.01, "validate_every": 2, "checkpoint_every": 2}
    second = copy.deepcopy(first)
    second |= {"name": "second", "initial": {"encoder": "segmentation"}}
    second["model"] |= {"labels": [1], **model}
    second["trainer"]["steps"] = 0
    return {"seed": 3, "stages": [first, second]}


def written(experiment, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(experiment))
    return load_experiment(path)


def values(layer):
    return [ops.convert_to_numpy(variable) for variable in layer.variables]


def test_the_part_begins_where_the_other_stage_ended_and_nothing_else_does(subjects, tmp_path):
    run = train(written(two_stages(subjects), tmp_path), tmp_path / "run")
    first, second = run.network(1), run.network(2)
    for own, theirs in zip(values(second.encoder), values(first.encoder), strict=True):
        np.testing.assert_array_equal(own, theirs)
    kernels = [network.decoder.variables[0] for network in (first, second)]
    assert np.abs(ops.convert_to_numpy(kernels[0]) - ops.convert_to_numpy(kernels[1])).max() > 1e-3
    fresh = tfregkit.build("network", "segmentation", **{k: v for k, v in run.resolved["stages"][1]["model"].items()
                                                         if k != "name"})  # fmt: skip
    fresh({"fixed": np.zeros((1, 4, 4, 4, 1), "float32")})
    assert np.abs(values(fresh.encoder)[0] - values(second.encoder)[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        ({"filters": [5, 6]}, r"initial.encoder: weight 1, \w+/u_net_encoder/conv_block/conv3d/kernel, is "
                              r"\(3, 3, 3, 1, 5\) here, and .*kernel of stage `segmentation` is \(3, 3, 3, 1, 4\)"),
        ({"filters": [4, 7]}, r"weight 3, \w+/u_net_encoder/conv_block_1/conv3d/kernel, is \(3, 3, 3, 4, 7\) here"),
        ({"filters": [4, 6], "convolutions": 2}, r"kernel, is \(3, 3, 3, 4, 4\) here, and .* is \(3, 3, 3, 4, 6\)"),
        ({"filters": [4, 6, 7]}, r"is only in the network of this stage.*`filters` is \[4, 6, 7\] here, and \[4, 6\]"),
        ({"filters": [4, 6], "slope": 0.5}, "has the weights of that of stage `segmentation`, and would do something "
                                            "else with them: `slope` is 0.5 here, and 0.2 there"),
    ],
)  # fmt: skip
def test_a_part_that_differs_is_told_before_anything_is_trained(subjects, tmp_path, encoder, said):
    experiment = written(two_stages(subjects, encoder={"name": "unet", **encoder}), tmp_path)
    with pytest.raises(ConfigError, match=f"stage `second`: initial.*{said}|stage `second`: .*{said}"):
        check_plan(experiment)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("stages.second.initial={encoders: segmentation}", "initial: the network of this stage has no part `encoders`"),
        ("stages.second.strategy=mixcl", "strategy `mixcl` trains networks that give"),
    ],
)
def test_what_a_setting_is_to_blame_for_names_the_setting(subjects, tmp_path, setting, said):
    written(two_stages(subjects), tmp_path)
    with pytest.raises(ConfigError, match=f"^--set {re.escape(setting)}: stage `second`: {said}"):
        check_plan(load_experiment(tmp_path / "c.yaml", [setting]))


def test_parts_that_are_made_with_the_weights_may_begin_too(subjects, tmp_path):
    """The head is not there before the network knows its images."""
    experiment = two_stages(subjects, labels={"shell": 1, "core": 2})
    experiment["stages"][1]["initial"] = {"encoder": "segmentation", "head": "segmentation"}
    run = train(written(experiment, tmp_path), tmp_path / "run")
    for own, theirs in zip(values(run.network(2).head), values(run.network(1).head), strict=True):
        np.testing.assert_array_equal(own, theirs)


@pytest.mark.parametrize(
    ("spelled", "fits"),
    [
        ({"positions": [2, 2, 2]}, True),
        ({"taps": [2]}, True),
        ({"taps": [1]}, "`taps` is \\[1\\] here, and \\[2\\] there"),
    ],
)
def test_parameters_that_say_the_same_in_other_words(subjects, tmp_path, spelled, fits):
    unetr = {"name": "unetr", "patch_size": 4, "feature_size": 2, "hidden_size": 4, "depth": 4, "heads": 2}
    unetr |= {"mlp_size": 6, "positions": 2}
    experiment = two_stages(subjects)
    for stage, more in zip(experiment["stages"], ({}, spelled), strict=True):
        stage["model"] |= {"encoder": unetr | more, "decoder": {"name": "unetr", "filters": [4, 2]}}
    written(experiment, tmp_path)
    if fits is True:
        check_plan(load_experiment(tmp_path / "c.yaml"))
    else:
        with pytest.raises(ConfigError, match=fits):
            check_plan(load_experiment(tmp_path / "c.yaml"))


def test_parameters_that_trained_weights_need_not_may_differ(subjects, tmp_path):
    encoder = {"name": "unet", "filters": [4, 6], "initializer": "he", "remat": True}
    check_plan(written(two_stages(subjects, encoder=encoder), tmp_path))


def test_parts_and_stages_that_are_not_there(subjects, tmp_path):
    experiment = two_stages(subjects)
    experiment["stages"][1]["initial"] = {"encoders": "segmentation"}
    with pytest.raises(
        ConfigError, match=r"network of this stage has no part `encoders`. Its parts: .*`encoder`, `dec"
    ):
        check_plan(written(experiment, tmp_path))
    experiment["stages"][1]["initial"] = {"encoder": "segmentations"}
    with pytest.raises(ConfigError, match=r"c.yaml:\d+: .*there is no stage `segmentations` before this one"):
        written(experiment, tmp_path)


def test_registration_and_segmentation_begin_with_each_others_encoder(subjects, tmp_path):
    """One image goes through a siamese encoder, and through that of a segmentation; VoxelMorph's sees two."""
    parts = {"encoder": {"name": "unet", "filters": [4, 6]}, "decoder": {"name": "unet", "filters": [6], "final": [6]}}
    registration = small_experiment(subjects)["stages"][0] | {"model": {"name": "siamese", **parts}}
    segmentation = segmentation_experiment(subjects)["stages"][0]
    for first, second in ((registration, segmentation), (segmentation, registration)):
        stages = [first, {**second, "initial": {"encoder": first["name"]}}]
        check_plan(written({"stages": stages}, tmp_path))
    registration["model"] = {"name": "voxelmorph", "encoder_filters": [4, 6], "decoder_filters": [6, 6, 6]}
    stages = [registration, {**segmentation, "initial": {"encoder": "registration"}}]
    with pytest.raises(ConfigError, match=r"kernel, is \(3, 3, 3, 1, 4\) here.*is \(3, 3, 3, 2, 4\). .*as many images"):
        check_plan(written({"stages": stages}, tmp_path))


def of_another_run(folder, run, **more):
    """A segmentation whose encoder begins with that of a run, and a siamese registration that does."""
    segmentation = segmentation_experiment(folder)["stages"][0]
    segmentation |= {"initial": {"encoder": {"run": str(run), **more}}}
    segmentation["trainer"] = {"steps": 0}
    parts = {"encoder": {"name": "unet", "filters": [4, 6]}, "decoder": {"name": "unet", "filters": [6], "final": [6]}}
    registration = small_experiment(folder)["stages"][0] | {"model": {"name": "siamese", **parts}}
    registration |= {"initial": segmentation["initial"]}
    return [{"seed": 4, "stages": [stage]} for stage in (segmentation, registration)]


def test_a_part_begins_with_that_of_another_run_which_a_resumed_one_needs_no_more(subjects, tmp_path, capsys):
    plan = two_stages(subjects)
    plan["stages"] = plan["stages"][:1]
    pretrained = train(written(plan, tmp_path), tmp_path / "pretrained")
    (tmp_path / "elsewhere").mkdir()
    for plan in of_another_run(subjects, "../pretrained"):
        plan["stages"][0]["trainer"] |= {"steps": 0}
        experiment = written(plan, tmp_path / "elsewhere")
        path = tmp_path / plan["stages"][0]["name"]
        found = train(experiment, path, console=Console(width=300))
        name = plan["stages"][0]["name"]
        assert f"{name}: begins with the `encoder` of {pretrained.path}\n" in capsys.readouterr().out
        assert found.resolved["stages"][0]["initial"] == {"encoder": {"run": str(pretrained.path), "stage": None}}
        for own, theirs in zip(values(found.network().encoder), values(pretrained.network().encoder), strict=True):
            np.testing.assert_array_equal(own, theirs)
    pretrained.path.rename(tmp_path / "moved")
    longer = ["stages.registration.trainer.steps=1"]
    train(load_experiment(tmp_path / "elsewhere" / "c.yaml", longer), path, resume=True)
    assert found.finished(1)
    assert max(found.checkpoints(1).steps()) == 1
    with pytest.raises(RunError, match=r"stage `registration`: initial.encoder: .*pretrained: there is no such run"):
        train(experiment, tmp_path / "new", resume=True)
    assert not (tmp_path / "new").exists()
    assert tfregkit_command(["validate", str(tmp_path / "elsewhere" / "c.yaml")]) == 0
    said = capsys.readouterr().out
    assert "valid. Stages: registration" in said
    assert "Not looked at: stage `registration`: initial.encoder: " in said


def test_another_run_that_is_not_done_has_no_such_stage_or_does_not_fit(subjects, tmp_path):
    plan = two_stages(subjects)
    run = Run.create(tmp_path / "run", written(plan, tmp_path))
    segmentation, registration = (
        written(plan, tmp_path) for plan in of_another_run(subjects, run.path, stage="segmentation")
    )
    for experiment in (segmentation, registration):
        with pytest.raises(RunError, match=r"initial.encoder: .*run: its stage `segmentation` is not trained to its e"):
            check_plan(experiment)
        check_plan(experiment, begun=["segmentation", "registration"])
    (run.stage_path(1)).mkdir()
    (run.stage_path(1) / "model.keras").touch()
    check_plan(segmentation)
    wrong = of_another_run(subjects, run.path, stage="segmentatoin")[0]
    with pytest.raises(
        ConfigError, match=r"initial.encoder: .*no stage `segmentatoin`. Did you mean `segmentation`\? It has: second"
    ):
        check_plan(written(wrong, tmp_path), absent=pytest.fail)
    other = of_another_run(subjects, run.path, stage="segmentation")[0]
    other["stages"][0]["model"]["encoder"]["filters"] = [4, 7]
    with pytest.raises(ConfigError, match=r"kernel, is \(3, 3, 3, 4, 7\) here, .* stage `segmentation` of .*run is \("):
        check_plan(written(other, tmp_path))
    other["stages"][0]["initial"]["encoder"] = {"stage": "segmentation"}
    with pytest.raises(ConfigError, match=r"c.yaml:\d+: stages.segmentation.initial.encoder.run: .*missing"):
        written(other, tmp_path)
