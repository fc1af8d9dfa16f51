"""`--set a.b=c`."""

import pytest

from tfregkit.config.overrides import override
from tfregkit.config.source import parse
from tfregkit.errors import ConfigError

TEXT = """
seed: 1
stages:
  - name: registration
    model: voxelmorph
    data: {augmentations: [flip, {name: noise, sigma: 0.1}]}
    trainer: {steps: 5}
"""


def after(*settings):
    root = parse(TEXT, "c.yaml")
    for setting in settings:
        override(root, setting)
    return root.plain()


def test_values_are_yaml():
    assert after("seed=1e-3")["seed"] == 1e-3
    assert after("seed=[1, a]")["seed"] == [1, "a"]
    assert after("seed={a: null}")["seed"] == {"a": None}
    assert after("seed=")["seed"] is None
    assert after("seed=a=b")["seed"] == "a=b"


def test_stages_go_by_name_or_index():
    assert after("stages.registration.trainer.steps=7")["stages"][0]["trainer"]["steps"] == 7
    assert after("stages.0.trainer.steps=7")["stages"][0]["trainer"]["steps"] == 7


def test_items_of_lists_can_be_entered_and_replaced():
    found = after("stages.0.data.augmentations.noise.sigma=0.2", "stages.0.data.augmentations.0=affine")
    assert found["stages"][0]["data"]["augmentations"] == ["affine", {"name": "noise", "sigma": 0.2}]


def test_missing_sections_are_made():
    assert after("evaluation.metrics=[dice]")["evaluation"] == {"metrics": ["dice"]}


def test_a_bare_name_opens_up_into_a_section():
    assert after("stages.0.model.steps=5")["stages"][0]["model"] == {"name": "voxelmorph", "steps": 5}


def test_the_last_one_counts():
    assert after("seed=2", "seed=3")["seed"] == 3


def test_the_value_is_marked_with_what_was_typed():
    root = parse(TEXT, "c.yaml")
    override(root, "seed={a: 1}")
    assert str(root.child("seed").child("a").mark) == "--set seed={a: 1}"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("seed", r"--set seed: expected `path=value`"),
        ("=3", r"--set =3: expected `path=value`"),
        ("a..b=3", r"--set a\.\.b=3: expected `path=value`"),
        ("seed.x=3", r"--set seed\.x=3: `seed` is not a section"),
        ("seed.x.y=3", r"--set seed\.x\.y=3: `seed` is not a section"),
        ("stages.registraton.trainer.steps=3", r"no `stages\.registraton`\. Did you mean `registration`\?"),
        ("stages.4=3", r"no `stages\.4`\. Known: registration"),
        ("seed=[1", r"--set seed=\[1:1: not valid YAML"),
    ],
)
def test_what_cannot_be_set(setting, message):
    with pytest.raises(ConfigError, match=message):
        after(setting)
