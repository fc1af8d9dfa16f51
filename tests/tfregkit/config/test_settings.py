"""Fixed sections made in Python, as tests and notebooks do."""

from pathlib import Path
from typing import Annotated

import components
import pytest
from pydantic import Field, ValidationError

from tfregkit.config.settings import Kind, Settings, Spec
from tfregkit.errors import ConfigError

pytestmark = pytest.mark.usefixtures("registered")


class Section(Settings):
    loss: Annotated[Spec, Kind("similarity")] = "plain"
    others: list[Annotated[Spec, Kind("similarity")]] = []
    lam: float = Field(0.1, alias="lambda")
    table: Path | None = None
    pair: tuple[int, int] = (1, 2)


def test_component_sections_are_names_mappings_or_specs():
    spec = Spec("similarity", "plain", {"window": 3})
    section = Section(loss={"name": "plain", "window": 5}, others=["plain", spec])
    assert section.loss.parameters["window"] == 5
    assert section.loss.parameters["kernel"] == "box"
    assert [other.name for other in section.others] == ["plain", "plain"]
    assert Section().loss.build().window == 9


def test_specs_of_another_kind_are_refused():
    with pytest.raises(ConfigError, match="expected a similarity"):
        Section(loss=Spec("metric", "dice"))


def test_errors_of_a_component_come_through():
    with pytest.raises(ConfigError, match=r"similarity `plain` has no parameter `windw`\. Did you mean `window`\?"):
        Section(loss={"name": "plain", "windw": 5})


def test_a_field_goes_by_its_name_or_its_alias():
    assert Section(lam=0.3) == Section(**{"lambda": 0.3})


def test_sections_are_closed_and_read_only():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Section(tabel="x")
    with pytest.raises(ValidationError, match="frozen"):
        Section().lam = 0.2


def test_plain_data_is_ready_for_yaml():
    assert Section(table="/a/b.csv", loss=Spec("similarity", "plain", {"window": 3})).plain() == {
        "loss": {"name": "plain", "window": 3},
        "others": [],
        "lambda": 0.1,
        "table": "/a/b.csv",
        "pair": [1, 2],
    }


def test_equal_sections_are_equal_wherever_they_were_written():
    one = Spec("similarity", "plain", {"window": 3}, where="c.yaml:3", component=components.Plain)
    assert one == Spec("similarity", "plain", {"window": 3})
