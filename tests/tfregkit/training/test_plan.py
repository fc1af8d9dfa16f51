"""What is known to be wrong with a configuration before its first stage is trained."""

import copy

import pytest
import yaml
from segmentation_data import segmentation_experiment

import tfregkit.cli.main
from tfregkit.config.experiment import load_experiment
from tfregkit.errors import ConfigError, TfregkitError
from tfregkit.training.plan import check_plan

TOO_DEEP = "`filters` of the decoder has at most one entry per level above the bottom: the encoder gives 2 levels, so 1"


def written(tmp_path, subjects, *decoders):
    """A stage for each decoder's filters."""
    one = segmentation_experiment(subjects)["stages"][0]
    stages = []
    for number, filters in enumerate(decoders):
        stages.append(copy.deepcopy(one) | {"name": f"stage{number}"})
        stages[-1]["model"]["decoder"]["filters"] = filters
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    return path


def line_of(path, key, number):
    """Of a key of the top of a stage."""
    lines = path.read_text().splitlines()
    return [i for i, line in enumerate(lines, start=1) if line == f"  {key}:"][number]


def test_layers_of_later_stages_are_looked_at_before_the_first_is_trained(tmp_path, subjects):
    path = written(tmp_path, subjects, [6], [6, 6])
    with pytest.raises(ConfigError, match=f"c.yaml:{line_of(path, 'model', 1)}: stage `stage1`: {TOO_DEEP}"):
        check_plan(load_experiment(path))


def test_those_of_the_first_before_data_are_prepared(tmp_path, subjects, capsys):
    path = written(tmp_path, subjects, [6, 6])
    cache = tmp_path / "cache"
    assert tfregkit.cli.main.run(["train", str(path), "--set", f"data.cache={cache}"]) == 2
    assert not cache.exists()
    assert tfregkit.cli.main.run(["validate", str(path)]) == 2
    assert capsys.readouterr().err.count(f"c.yaml:{line_of(path, 'model', 0)}: stage `stage0`: {TOO_DEEP}") == 2


def test_one_run_of_a_sweep_whose_layers_do_not_fit_stops_it_before_any_is_trained(tmp_path, subjects, capsys):
    path = written(tmp_path, subjects, [6])
    key = "stages.stage0.model.decoder.filters"
    path.write_text(path.read_text() + yaml.safe_dump({"sweep": {"grid": {key: [[6], [6, 6]]}}}))
    assert tfregkit.cli.main.run(["train", str(path), "--run-dir", str(tmp_path / "runs")]) == 2
    assert TOO_DEEP in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("key", "wrong", "said"),
    [
        ("strategy", "unsupervised", "strategy `unsupervised` trains networks that give"),
        ("objective", {"lambda": "uniform"}, "objective.lambda: `uniform` needs a network that takes lambda"),
        ("data", {"crop": [3, 4, 4]}, "`data.crop` must be multiples of 2"),
    ],
)
def test_a_problem_names_the_line_of_its_section(tmp_path, subjects, key, wrong, said):
    path = written(tmp_path, subjects, [6])
    whole = yaml.safe_load(path.read_text())
    stage = whole["stages"][0]
    stage[key] = stage[key] | wrong if isinstance(wrong, dict) else wrong
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    lines = path.read_text().splitlines()
    number = next(i for i, line in enumerate(lines, start=1) if line.startswith(f"  {key}:"))
    with pytest.raises(TfregkitError, match=rf"c.yaml:{number}: stage `stage0`: {said}"):
        check_plan(load_experiment(path))
