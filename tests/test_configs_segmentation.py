"""The configurations of segmentation: the cases of table 11 on one network, and CLMorph's upper bound."""

from pathlib import Path

import pytest

import tfregkit.cli.main
from tfregkit.config.experiment import load_experiment
from tfregkit.training.plan import check_plan

CONFIGS = Path(__file__).parents[1] / "configs"
SIX = ["1", "2", "3", "4", "5", "6"]
CASES = {"": (SIX, False), "_one": (["1"], False), "_augmented": (SIX, True), "_one_augmented": (["1"], True)}


def stage(name):
    (found,) = load_experiment(CONFIGS / f"{name}.yaml").stages
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_cases_differ_in_what_they_train_on_alone(case):
    people, samples = CASES[case]
    plain, found = stage("segmentation_iseg"), stage(f"segmentation_iseg{case}")
    dataset = found.data.dataset.parameters
    assert dataset["train"] == people
    assert (dataset["validation"], dataset["test"]) == (["7"], ["8", "9", "10"])
    extra = [dataset[key] and Path(dataset[key]).name for key in ("extra_images", "extra_labels")]
    assert extra == (["{subject}_image.nii.gz", "{subject}_labels.nii.gz"] if samples else [None, None])
    own = {"train", "extra_images", "extra_labels"}
    same = [{k: v for k, v in s.data.dataset.parameters.items() if k not in own} for s in (plain, found)]
    assert same[0] == same[1]
    for key in ("model", "objective", "strategy", "trainer"):
        assert getattr(found, key) == getattr(plain, key)


@pytest.mark.parametrize("name", ["segmentation_iseg", "segmentation_mini"])
def test_networks_and_grids_fit(name):
    experiment = load_experiment(CONFIGS / f"{name}.yaml")
    check_plan(experiment)
    (found,) = experiment.stages
    stride = found.model.build().stride
    for sizes in filter(None, (found.data.grid.shape, found.data.crop)):
        assert not any(size % stride for size in sizes)
    assert {spec.name for spec in experiment.evaluation.metrics} == {"dice", "hd95", "assd"}


def test_without_the_data_training_says_how_to_get_them(tmp_path, capsys):
    assert tfregkit.cli.main.run(["train", "segmentation_iseg", "--run-dir", str(tmp_path / "run")]) != 0
    shown = " ".join(capsys.readouterr().err.split())
    assert "iSeg-2019" in shown
    assert "docs/segmentation-network.md" in shown


def test_the_upper_bound_learns_what_clmorph_is_measured_by():
    bound, clmorph = (load_experiment(CONFIGS / f"{name}.yaml") for name in ("segmentation_lpba40", "clmorph_lpba40"))
    check_plan(bound)
    (found,) = bound.stages
    dice = clmorph.evaluation.metrics[0].parameters["labels"]
    assert found.model.parameters["labels"] == dice
    assert found.data.dataset.parameters["table"] == clmorph.stages[0].data.dataset.parameters["table"]
    assert found.data.dataset.parameters["pairing"] == "single"
    assert not any(size % found.model.build().stride for size in found.data.crop)
