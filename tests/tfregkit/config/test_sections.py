"""Sections out of a tree: everything that is wrong is told at once, in its place."""

from pathlib import Path
from typing import Annotated, Literal

import components
import pytest
from pydantic import Field, model_validator

from tfregkit import registry
from tfregkit.config.problems import Problems
from tfregkit.config.sections import Reader
from tfregkit.config.settings import Kind, Settings, Spec
from tfregkit.config.source import parse
from tfregkit.errors import ConfigError, PluginError

pytestmark = pytest.mark.usefixtures("registered")


class Optimiser(Settings):
    name: Literal["adam", "sgd"] = "adam"
    momentum: float | None = None

    @model_validator(mode="after")
    def _fits(self):
        if self.name == "adam" and self.momentum is not None:
            raise ValueError("`momentum` goes with `sgd`")
        return self


class Top(Settings):
    model: Annotated[Spec, Kind("network")] | None = None
    losses: dict[str, Annotated[Spec, Kind("similarity")]] = {}
    listed: Annotated[list[Annotated[Spec, Kind("similarity")]], Field(min_length=1)] = ["plain"]
    data: Annotated[Spec, Kind("dataset")] | None = None
    optimiser: Optimiser = Optimiser()
    rate: Annotated[float, Field(gt=0)] | Optimiser = 1e-4
    steps: int = 5
    lam: float | Literal["uniform"] | None = Field(None, alias="lambda")
    cache: Path | None = None

    @model_validator(mode="after")
    def _rule(self):
        if self.steps == 13:
            raise ValueError("`steps` must be lucky")
        return self


def read(text, construct=True):
    root = parse(text, "c.yaml", Path("/data/set"))
    problems = Problems(root)
    found = Reader(problems, construct=construct).settings(Top, root, ())
    problems.raise_any()
    return found


def wrong(text):
    with pytest.raises(ConfigError) as error:
        read(text)
    return str(error.value).splitlines()


def test_defaults_are_filled_in_everywhere():
    found = read("model: {name: nested, loss: plain}\n")
    assert found.model.plain() == {
        "name": "nested",
        "loss": {"name": "plain", "window": 9, "kernel": "box", "eps": 1e-5, "sharp": False, "mode": None},
        "more": [],
        "by_name": None,
        "fallback": None,
        "sizes": [1.0, 2.0],
    }
    assert [spec.name for spec in found.listed] == ["plain"]
    assert found.plain()["lambda"] is None


def test_a_section_reads_back_what_it_says():
    found = read(
        "model: {name: nested, loss: {name: plain, mode: auto}, more: [plain, {name: plain, window: 3}],"
        " by_name: {a: plain}, fallback: plain, sizes: [3, 4]}\nlambda: uniform\nrate: {name: sgd}\n"
    )
    assert Top(**found.plain()) == found
    assert found.model.parameters["by_name"]["a"].parameters["window"] == 9


def test_all_problems_are_told_in_the_order_of_their_lines():
    known = ", ".join(registry.current().names("similarity"))
    assert wrong("""model:
  name: nested
  loss: {name: plain, windw: 3, kernel: cubic}
  more:
  - {name: plain, window: nine}
  - {name: plain, window: 4}
  - 5
  extra: 1
stps: 4
lambda: unifrm
losses: {a: {name: plan}, b: {name: plain, eps: .inf}}
""") == [
        "c.yaml:3: model.loss.kernel: Input should be 'box' or 'gaussian'. Received: kernel='cubic'",
        "c.yaml:3: model.loss.windw: similarity `plain` has no parameter `windw`. Did you mean `window`?",
        "c.yaml:5: model.more.0.window: Input should be a valid integer, unable to parse string as an integer. "
        "Received: window='nine'",
        "c.yaml:6: model.more.1: similarity `plain`: `window` must be odd. Received: window=4",
        f"c.yaml:7: model.more.2: expected a similarity: its name, or a section with `name`. Known: {known}",
        "c.yaml:8: model.extra: network `nested` has no parameter `extra`. Known: by_name, fallback, loss, more, sizes",
        "c.yaml:9: stps: unknown key `stps`. Did you mean `steps`?",
        "c.yaml:10: lambda: Input should be a valid number or 'uniform'. Received: lambda='unifrm'",
        "c.yaml:11: losses.a.name: unknown similarity `plan`. Did you mean `plain`?",
        f"  known: {known}   (tfregkit plugins similarity)",
        "c.yaml:11: losses.b.eps: Input should be a finite number. Received: eps=inf",
    ]


def test_a_wrong_section_causes_no_other_error():
    assert wrong("steps: 13\noptimiser: {name: sgdd}\nlisted: [{name: plain, windw: 2}]\n") == [
        "c.yaml:2: optimiser.name: Input should be 'adam' or 'sgd'. Received: name='sgdd'",
        "c.yaml:3: listed.0.windw: similarity `plain` has no parameter `windw`. Did you mean `window`?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: {name: nested}", "c.yaml:1: model.loss: network `nested` needs `loss`."),
        ("model: {loss: plain}", "c.yaml:1: model: expected a network: its name, or a section with `name`."),
        ("model: [nested]", "c.yaml:1: model: expected a network: its name, or a section with `name`."),
        ("losses: {a: {name: 5}}", "c.yaml:1: losses.a.name: unknown similarity `5`."),
        (
            "listed: []",
            "c.yaml:1: listed: List should have at least 1 item after validation, not 0. Received: listed=[]",
        ),
        ("steps: true", "c.yaml:1: steps: Input should be a number. Received: steps=True"),
        ("lambda: true", "c.yaml:1: lambda: Input should be a number. Received: lambda=True"),
        ("steps: 1.5", "c.yaml:1: steps: Input should be a valid integer, got a number with a fractional part."),
        ("steps: {a: 1}", "c.yaml:1: steps: Input should be a valid integer. Received: steps={'a': 1}"),
        ("steps: 13", "c.yaml:1: `steps` must be lucky"),
        ("optimiser: {momentum: 0.9}", "c.yaml:1: optimiser: `momentum` goes with `sgd`"),
        ("optimiser: 5", "c.yaml:1: optimiser: expected a section with: momentum, name. Received: 5"),
        ("rate: -1", "c.yaml:1: rate: Input should be greater than 0"),
        ("rate: {nam: sgd}", "c.yaml:1: rate.nam: unknown key `nam`. Did you mean `name`?"),
        ("5: x", "c.yaml:1: 5: "),
    ],
)
def test_single_problems(text, message):
    (line, *_) = wrong(text)
    assert line.startswith(message)


def test_a_constructor_that_fails_is_the_packages_fault():
    with pytest.raises(
        PluginError, match=r"c\.yaml:1: listed\.0: similarity `buggy`: .* in components failed: ZeroDiv"
    ):
        read("listed: [buggy]\n")


def test_a_bare_name_stands_for_a_section():
    assert read("optimiser: sgd\n").optimiser.name == "sgd"


def test_constructors_can_be_left_untried():
    assert read("listed: [{name: plain, window: 4}]\n", construct=False).listed[0].parameters["window"] == 4


def test_paths_start_at_the_file_and_missing_data_is_no_fault_of_the_configuration():
    found = read("data: {name: files, table: ../t.csv, images: [a/*.nii, /b/c.nii], atlas: mni}\ncache: ~/c\n")
    assert found.data.parameters == {
        "table": Path("/data/t.csv"),
        "images": ["/data/set/a/*.nii", "/b/c.nii"],
        "atlas": "mni",
        "label": "x",
    }
    assert found.cache == Path.home() / "c"
    assert read("data: {name: files, table: t, images: q, atlas: a.nii}\n").data.parameters["atlas"] == Path(
        "/data/set/a.nii"
    )


def test_specs_build_nested_components():
    built = read(
        "model: {name: nested, loss: {name: plain, window: 3}, more: [plain], by_name: {z: plain}}"
    ).model.build()
    assert isinstance(built, components.Nested)
    assert (built.loss.window, built.more[0].window, built.by_name["z"].window) == (3, 9, 9)
    assert built.loss is not built.more[0]
