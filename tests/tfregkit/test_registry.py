"""Names, duplicates, and what is refused when a package registers it."""

from typing import TYPE_CHECKING

import pytest
from third_party import installed, similarity_package, write_package

import tfregkit
from tfregkit import registry
from tfregkit.api import Similarity
from tfregkit.errors import ConfigError, PluginError
from tfregkit.plugins import Origin

if TYPE_CHECKING:
    from somewhere import Nothing

ORIGIN = Origin("acme-losses", "1.2", "acme_losses")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    with installed(tmp_path, monkeypatch):
        yield tmp_path


def registrar():
    return registry.Registrar(ORIGIN, registry.current().kinds)


def test_a_component_is_built_by_its_name(folder):
    write_package(folder, "acme", similarity_package("acme_one"))
    assert tfregkit.build("similarity", "acme_one", sigma=3).sigma == 3.0
    assert registry.current().get("similarity", "acme_one").origin.package == "acme"


def test_two_packages_with_one_name_is_an_error_that_names_both(folder):
    write_package(folder, "acme", similarity_package("ncc"), version="2.1")
    message = (
        r"similarity `ncc` is registered twice: by acme 2\.1 \(acme\) and by tfregkit 0\.1\.0 "
        r"\(tfregkit_plugins\.similarities\)\.\n.*plugins: \{disable: \[acme\]\}"
    )
    with pytest.raises(PluginError, match=message):
        registry.current()


def test_disabling_one_of_two_packages_with_one_name_helps(folder):
    write_package(folder, "acme", similarity_package("ncc"))
    with registry.without(["acme"]) as left:
        assert left.get("similarity", "ncc").origin.first_party


def test_one_name_may_serve_two_kinds(folder):
    write_package(folder, "acme", similarity_package("diffusion"))
    assert registry.current().get("similarity", "diffusion").origin.package == "acme"
    assert registry.current().get("regularizer", "diffusion").origin.first_party


def test_what_a_package_registered_before_it_failed_does_not_count(folder):
    write_package(folder, "acme", similarity_package("half_done") + "    raise ImportError('needs monai')\n")
    with pytest.raises(ConfigError, match="unknown similarity `half_done`") as error:
        registry.current().get("similarity", "half_done")
    assert "Note: acme 1.0 (acme) failed to load: ImportError: needs monai" in str(error.value)


def test_unknown_kind_and_name_suggest_near_ones():
    with pytest.raises(ConfigError, match=r"unknown kind `similarty`\. Did you mean `similarity`\?"):
        registry.current().names("similarty")
    with pytest.raises(ConfigError, match=r"unknown similarity `nc`\. Did you mean `ncc`\?\n  known: "):
        registry.current().get("similarity", "nc")


def positional(self, sigma: float = 1.0): ...
def without_annotation(self, *, sigma=1.0): ...
def open_ended(self, **kwargs: float): ...
def called_name(self, *, name: str = ""): ...
def private(self, *, _sigma: float = 1.0): ...
def unresolved(self, *, sigma: "Nothing" = None): ...


@pytest.mark.parametrize(
    ("constructor", "message"),
    [
        (positional, r"parameter `sigma` of .*Mine must be keyword-only: `def __init__\(self, \*, sigma"),
        (without_annotation, "parameter `sigma` of .*Mine has no annotation"),
        (open_ended, r"parameter `kwargs` of .*Mine must be keyword-only.*without `\*\*kwargs`"),
        (called_name, "`name` names the component"),
        (private, "parameter `_sigma` of .* a leading underscore is private"),
        (unresolved, "an annotation of Mine cannot be used: name 'Nothing' is not defined"),
    ],
)
def test_a_constructor_that_is_no_schema_is_the_packages_fault(constructor, message):
    mine = type("Mine", (Similarity,), {"__init__": constructor})
    with pytest.raises(PluginError, match=message):
        registrar().similarity("mine", mine)


@pytest.mark.parametrize("name", ["CamelCase", "with-dash", "", "1st", "a__b", 3])
def test_names_are_snake_case(name):
    with pytest.raises(PluginError, match="expected a snake_case name"):
        registrar().similarity(name, Similarity)


@pytest.mark.parametrize("component", [int, Similarity(), "acme.Huber"])
def test_a_component_derives_from_the_base_class_of_its_kind(component):
    with pytest.raises(PluginError, match=r"expected a class derived from `tfregkit\.api\.Similarity`"):
        registrar().similarity("mine", component)


def test_the_registrar_has_a_method_for_each_kind():
    assert all(callable(getattr(registry.Registrar, kind)) for kind in registry.current().kinds)
