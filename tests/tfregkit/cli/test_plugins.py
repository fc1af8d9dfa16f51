"""`tfregkit plugins`."""

import pytest
from third_party import SAMPLE, installed, write_package

import tfregkit.cli.main
from tfregkit.config.describe import component_parameters, summary
from tfregkit.registry import Registry, current


def run(capsys, *words):
    code = tfregkit.cli.main.run(["plugins", *words])
    return code, capsys.readouterr()


def test_overview_names_components_packages_and_failures(capsys, monkeypatch, tmp_path):
    write_package(tmp_path, "broken-one", "import a_module_nobody_has")
    with installed(tmp_path, monkeypatch), installed(SAMPLE, monkeypatch):
        code, shown = run(capsys)
    assert code == 0
    (similarities,) = [line for line in shown.out.splitlines() if line.startswith("similarity ")]
    assert {"acme_huber", "mse", "ncc"} <= set(similarities.removeprefix("similarity").strip().split(", "))
    assert "  acme-losses 1.2: 1 component\n" in shown.out
    assert "  broken-one 1.0 (broken_one) failed to load: ModuleNotFoundError" in shown.out


def test_a_kind_names_the_package_of_a_third_partys_component(capsys, monkeypatch):
    with installed(SAMPLE, monkeypatch):
        shown = run(capsys, "similarity")[1].out
    line = next(line for line in shown.splitlines() if line.startswith("acme_huber "))
    description = "Mean Huber difference: quadratic below `delta`, linear above."
    assert line.split(maxsplit=1)[1] == f"{description}   [acme-losses 1.2]"
    assert "mse " in shown


def test_a_component_shows_parameters_defaults_and_source(capsys, monkeypatch):
    with installed(SAMPLE, monkeypatch):
        shown = run(capsys, "similarity", "acme_huber")[1].out
    assert shown == (
        "similarity acme_huber: Mean Huber difference: quadratic below `delta`, linear above.\n"
        "  from acme-losses 1.2, acme_losses.huber\n\n"
        "  delta: float > 0, default 0.1\n"
        "      Where it turns from quadratic to linear, in units of intensity.\n\n"
        "In a configuration:  {name: acme_huber}\n"
    )


def test_a_kind_without_components(capsys, monkeypatch):
    monkeypatch.setattr(Registry, "names", lambda self, kind: [])
    assert run(capsys, "stitcher")[1].out == "No stitcher is installed.\n"


def test_unknown_names(capsys):
    assert "Did you mean `similarity`?" in run(capsys, "similarty")[1].err
    code, shown = run(capsys, "similarity", "nc")
    assert code == 2
    assert "unknown similarity `nc`. Did you mean `ncc`?" in shown.err


ALL = [(kind, name) for kind in current().kinds for name in current().names(kind)]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_our_components_are_documented(kind, name):
    component = current().get(kind, name).component
    assert summary(component)
    assert [p.key for p in component_parameters(component) if not p.description] == [], "describe them under `Args:`"
