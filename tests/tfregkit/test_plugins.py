"""Loading plugins: broken packages are recorded and nothing else suffers."""

import importlib.metadata

import pytest
from third_party import SAMPLE, installed, similarity_package, write_package

from tfregkit import plugins
from tfregkit.errors import PluginError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    with installed(tmp_path, monkeypatch):
        yield tmp_path


def packages(found):
    return {origin.package for origin in found.origins.values()}


def test_first_party_plugins_come_through_the_same_group():
    assert "tfregkit" in packages(plugins.discover())


def test_an_installed_package_is_found_by_its_metadata_alone(monkeypatch):
    with installed(SAMPLE, monkeypatch):
        found = plugins.discover()
    (origin,) = [o for o in found.origins.values() if o.package == "acme-losses"]
    assert str(origin) == "acme-losses 1.2 (acme_losses)"
    assert not origin.first_party


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import a_module_nobody_has", "ModuleNotFoundError: No module named 'a_module_nobody_has'"),
        ("def broken(:", "SyntaxError"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        (
            "from tfregkit import hookimpl\n@hookimpl\ndef register_component(registry):\n    pass\n",
            "unknown hook 'register_component'",
        ),
        (
            "from tfregkit import hookimpl\n@hookimpl\ndef register_components(registry, more):\n    pass\n",
            "can not be found in the hookspec",
        ),
    ],
)
def test_a_broken_package_is_recorded_and_stops_nobody(folder, source, reason):
    write_package(folder, "aa-broken", source, version="0.3")
    write_package(folder, "zz-fine", similarity_package("fine"))
    found = plugins.discover()
    assert packages(found) >= {"tfregkit", "zz-fine"}
    (failure,) = found.failures
    assert str(failure).startswith("aa-broken 0.3 (aa_broken) failed to load: ")
    assert reason in str(failure)


def test_two_packages_may_use_one_entry_point_name(folder):
    write_package(folder, "one", similarity_package("one"), entry="losses")
    write_package(folder, "two", similarity_package("two"), entry="losses")
    assert packages(plugins.discover()) >= {"one", "two"}


def test_a_broken_first_party_plugin_is_fatal():
    found = plugins.discover()
    origin = plugins.Origin("tfregkit", "0.1", "tfregkit_plugins.similarities")

    def load():
        raise ImportError("half an installation")

    with pytest.raises(PluginError, match="half an installation\n  Reinstall tfregkit"):
        found.add("tfregkit/x", origin, load)


def test_the_environment_restricts_third_party_packages(folder, monkeypatch):
    write_package(folder, "one", similarity_package("one"))
    write_package(folder, "two_b", similarity_package("two"))
    monkeypatch.setenv("TFREGKIT_PLUGINS", "Two.B")
    found = plugins.discover()
    assert packages(found) == {"tfregkit", "two_b"}
    assert [origin.package for origin in found.switched_off if origin.package == "one"] == ["one"]
    monkeypatch.setenv("TFREGKIT_PLUGINS", "")
    assert packages(plugins.discover()) == {"tfregkit"}


def test_a_disabled_package_is_not_even_imported(folder):
    write_package(folder, "heavy-one", "raise RuntimeError('imported')")
    found = plugins.discover(disabled=["heavy_one"])
    assert found.failures == []
    assert "heavy-one" in {origin.package for origin in found.switched_off}


def test_a_failing_hook_is_recorded_and_the_others_are_called(folder):
    write_package(
        folder, "a-bad", "from tfregkit import hookimpl\n@hookimpl\ndef training_callbacks(run):\n    1 / 0\n"
    )
    write_package(
        folder, "b-good", "from tfregkit import hookimpl\n@hookimpl\ndef training_callbacks(run):\n    return [run]\n"
    )
    found = plugins.discover()
    results = found.call_each("training_callbacks", lambda origin: {"run": 7})
    assert [(origin.package, result) for origin, result in results] == [("b-good", [[7]])]
    assert "a-bad 1.0 (a_bad) failed to load: ZeroDivisionError" in str(found.failures[0])


def test_entry_points_of_the_checkout_are_fresh():
    """A new family in setup.py is not seen until tfregkit is installed again."""
    names = {
        entry.value for entry in importlib.metadata.entry_points(group="tfregkit") if entry.dist.name == "tfregkit"
    }
    families = {path.parent.name for path in (SAMPLE.parents[1] / "plugins/tfregkit_plugins").glob("*/__init__.py")}
    assert names == {f"tfregkit_plugins.{name}" for name in families}, "run `pip install -e .` again"
