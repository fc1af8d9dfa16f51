"""Components out of sections. Everything that is validated here was read by `config.sections`."""

from __future__ import annotations

from typing import Any

from tfregkit import registry
from tfregkit.config.problems import Problems
from tfregkit.config.sections import Reader
from tfregkit.config.settings import Spec
from tfregkit.config.source import Node
from tfregkit.errors import ConfigError, PluginError, TfregkitError


def build_component(kind: str, section: Any) -> Any:
    """A component from Python values: `build_component("similarity", {"name": "ncc", "window": 9})`.

    Raises:
        ConfigError: For an unknown kind, name or parameter, or values the constructor refuses; all at once.
    """
    registry.current().names(kind)
    spec = component_section(kind, section)
    return spec.build() if isinstance(spec, Spec) else spec


def component_section(kind: str, value: Any) -> Any:
    """A Spec of that kind from a mapping, a bare name or a Spec; an instance of the kind is returned as it is."""
    root = Node.of(value)
    problems = Problems(root)
    found = Reader(problems, construct=False).section(kind, root, ())
    problems.raise_any()
    return found


def build_spec(spec: Spec) -> Any:
    """Call the constructor of a section's component, nested components first. See `Spec.build`."""
    entry = None if spec.component else registry.current().get(spec.kind, spec.name)
    component = spec.component or entry.component
    values = {name: built(value) for name, value in spec.parameters.items()}
    what = ": ".join(part for part in (spec.where, f"{spec.kind} `{spec.name}`") if part)
    try:
        return component(**values)
    except TfregkitError:
        raise
    except ValueError as error:
        raise ConfigError(f"{what}: {error}") from error
    except Exception as error:
        module = component.__module__
        raise PluginError(f"{what}: the constructor in {module} failed: {type(error).__name__}: {error}") from error


def built(value: Any) -> Any:
    """A parameter's value with every Spec in it built."""
    if isinstance(value, Spec):
        return value.build()
    if isinstance(value, (list, tuple)):
        return type(value)(built(item) for item in value)
    if isinstance(value, dict):
        return {key: built(item) for key, item in value.items()}
    return value
