"""Components from Python values: `tfregkit.build`."""

import components
import pytest

import tfregkit
from tfregkit.config.settings import Spec
from tfregkit.errors import ConfigError

pytestmark = pytest.mark.usefixtures("registered")


def test_defaults_and_values():
    assert tfregkit.build("similarity", "plain").window == 9
    assert tfregkit.build("similarity", "plain", window=3, eps=1).eps == 1.0


def test_nested_components_are_instances_mappings_or_names():
    mine = components.Plain(window=3)
    built = tfregkit.build("network", "nested", loss=mine, more=["plain", {"name": "plain", "window": 5}, mine])
    assert built.loss is mine
    assert [item.window for item in built.more] == [9, 5, 3]


def test_an_instance_of_another_kind_is_refused():
    with pytest.raises(ConfigError, match="loss: expected a similarity"):
        tfregkit.build("network", "nested", loss=tfregkit.build("regularizer", "diffusion"))


@pytest.mark.parametrize(
    ("kind", "name", "values", "message"),
    [
        ("similarty", "plain", {}, r"unknown kind `similarty`\. Did you mean `similarity`\?"),
        ("similarity", "plane", {}, r"unknown similarity `plane`\. Did you mean `plain`\?"),
        ("similarity", "plain", {"windw": 1}, r"windw: similarity `plain` has no parameter `windw`\. Did you mean"),
        ("similarity", "plain", {"window": "x"}, r"window: Input should be a valid integer.*Received: window='x'"),
        ("similarity", "plain", {"window": 4}, r"^similarity `plain`: `window` must be odd\. Received: window=4"),
    ],
)
def test_errors_need_no_file(kind, name, values, message):
    with pytest.raises(ConfigError, match=message):
        tfregkit.build(kind, name, **values)


def test_a_spec_made_by_hand_is_built_from_the_registry():
    assert Spec("similarity", "plain", {"window": 5}).build().window == 5
    with pytest.raises(ConfigError, match="unknown similarity `plane`"):
        Spec("similarity", "plane").build()


def test_each_build_gives_a_new_component():
    spec = Spec("similarity", "plain", {})
    assert spec.build() is not spec.build()
