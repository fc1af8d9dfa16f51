"""The section `sweep` and the runs it stands for."""

import pytest
import yaml

from tfregkit.config.experiment import load_experiment
from tfregkit.config.trials import load_trials, short_names, trial_name
from tfregkit.errors import ConfigError

WEIGHT = "stages.registration.objective.terms.smoothness.weight"
RATE = "stages.registration.trainer.learning_rate"


@pytest.fixture
def sweep(tmp_path):
    """Loads the quickstart with a sweep, which is on the third line."""

    def load(section, overrides=()):
        path = tmp_path / "c.yaml"
        path.write_text(
            f"base: quickstart\nseed: 3\nsweep: {yaml.safe_dump(section, default_flow_style=True, width=999)}"
        )
        return load_trials(path, overrides)

    return load


def test_a_grid_is_every_combination_the_last_key_fastest(sweep):
    trials = sweep({"grid": {WEIGHT: [0.1, 1e-5], RATE: [0.01, 0.001]}}, ["seed=4"])
    assert [tuple(trial.values.values()) for trial in trials] == [
        (0.1, 0.01),
        (0.1, 0.001),
        (1e-5, 0.01),
        (1e-5, 0.001),
    ]
    assert trials[2].name == "smoothness.weight=1e-05,trainer.learning_rate=0.01"
    stage = trials[2].experiment.stages[0]
    assert (stage.objective.terms["smoothness"].weight, stage.trainer.learning_rate) == (1e-5, 0.01)
    assert trials[2].experiment.seed == 4
    assert all(trial.experiment.sweep is None for trial in trials)


def test_random_values_are_a_function_of_the_seed_and_their_number(sweep):
    keys = {WEIGHT: {"log_uniform": [0.01, 10]}, RATE: {"uniform": [0.001, 0.002]}, "seed": {"choice": [7, 8, 9]}}
    few = sweep({"random": {"keys": keys, "samples": 4, "seed": 1}})
    many = sweep({"random": {"keys": keys, "samples": 40, "seed": 1}})
    other = sweep({"random": {"keys": keys, "samples": 4, "seed": 2}})
    assert [t.values for t in few] == [t.values for t in many[:4]] != [t.values for t in other]
    weights = sorted(trial.values[WEIGHT] for trial in many)
    assert 0.01 <= weights[0] < 0.05
    assert 2 < weights[-1] <= 10
    assert 0.1 < weights[20] < 1  # evenly in the logarithm: the median of uniform numbers would be 5
    assert all(0.001 <= trial.values[RATE] <= 0.002 for trial in many)
    assert {trial.experiment.seed for trial in many} == {7, 8, 9}


def test_sections_can_be_swept(sweep):
    models = ["voxelmorph", {"name": "voxelmorph", "steps": 0}]
    trials = sweep({"grid": {"stages.registration.model": models}})
    assert [trial.experiment.stages[0].model.parameters["steps"] for trial in trials] == [7, 0]
    assert trials[0].name == "registration.model=voxelmorph"
    assert trials[1].name.startswith("registration.model=_name_voxelmorph_")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"grid": {WEIGHT[:-3]: [1, 2]}}, "c.yaml:3: .*smoothness.wei: unknown key `wei`. Did you mean `weight`?"),
        (
            {"grid": {WEIGHT.replace("tion", "ton"): [1]}},
            "c.yaml:3: no `stages.registraton`. Did you mean `registration`?",
        ),
        ({"grid": {WEIGHT: [0.1, "much"]}}, r"c.yaml:3: .*smoothness.weight: .* Received: weight='much'"),
        ({"grid": {WEIGHT: [0.1, 0.1]}}, "c.yaml:3: sweep: two of its runs would be the same: smoothness.weight=0.1"),
        ({"grid": {"sweep.grid": [1]}}, "c.yaml:3: sweep: `sweep.grid` cannot be swept. Expected the dotted path"),
        ({"grid": {WEIGHT: []}}, "c.yaml:3: sweep.grid.*at least 1 item"),
        ({"grid": {WEIGHT: 1}}, "c.yaml:3: sweep.grid.*should be a valid list"),
        ({}, "c.yaml:3: sweep: expected `grid` or `random`, and not both"),
        ({"gird": {}}, "c.yaml:3: sweep.gird: unknown key `gird`. Did you mean `grid`?"),
        ({"random": {"keys": {WEIGHT: {"uniform": [2, 1]}}, "samples": 1}}, "the first bound must be below the second"),
        ({"random": {"keys": {WEIGHT: {"log_uniform": [0, 1]}}, "samples": 1}}, "`log_uniform` needs bounds above 0"),
        (
            {"random": {"keys": {WEIGHT: {}}, "samples": 1}},
            "expected exactly one of `uniform`, `log_uniform`, `choice`",
        ),
    ],
)
def test_what_is_wrong_is_told_by_line(sweep, section, message):
    with pytest.raises(ConfigError, match=message):
        sweep(section)


def test_names_are_the_shortest_ends_that_differ_and_fit_a_folder():
    keys = ["stages.a.trainer.steps", "stages.b.trainer.steps", "seed"]
    assert list(short_names(keys).values()) == ["a.trainer.steps", "b.trainer.steps", "seed"]
    assert trial_name({"seed": 3}) == "seed=3"
    assert trial_name({"a.b": "x/y z"}).startswith("a.b=x_y_z-")
    long = {f"a.key{i}": 0.123456789 for i in range(9)}
    assert len(trial_name(long)) == 120
    assert trial_name(long) != trial_name({**long, "a.key8": 0.2})


def test_without_a_sweep_nothing_changes():
    assert load_experiment("quickstart").plain()["sweep"] is None
