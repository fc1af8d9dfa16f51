"""Parameters in words: what the constructors and the fixed sections take, for `tfregkit plugins` and the reference."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tfregkit.config import annotations, schema
from tfregkit.config.settings import PathMarker, plain

REQUIRED = "required"


@dataclass(frozen=True)
class Parameter:
    """One key of a section: its type, default and meaning in words."""

    key: str
    type: str
    default: str
    description: str


def component_parameters(component: type) -> list[Parameter]:
    """The parameters of a component, in the order of its constructor."""
    texts = documented(component)
    hints = schema.annotations(component)
    found = []
    for name, parameter in schema.parameters(component).items():
        default = REQUIRED if parameter.default is inspect.Parameter.empty else yaml_text(parameter.default)
        found.append(Parameter(name, type_text(hints[name]), default, _described(hints[name]) or texts.get(name, "")))
    return found


def settings_parameters(cls: type[BaseModel]) -> list[Parameter]:
    """The keys of a fixed section, in the order of its fields."""
    texts = documented(cls)
    hints = annotations.of_settings(cls)
    found = []
    for name, info in cls.model_fields.items():
        if info.default_factory is not None:
            default = yaml_text(info.default_factory())
        else:
            default = REQUIRED if info.default is PydanticUndefined else yaml_text(info.default)
        text = info.description or texts.get(name, "")
        found.append(Parameter(info.alias or name, type_text(hints[name]), default, text))
    return found


def summary(cls: type) -> str:
    """The first sentence of a class's docstring."""
    paragraph = " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph)[0]


def documented(cls: type) -> dict[str, str]:
    """What the `Args:` of a class's docstring, its constructor's, and its bases' say of each parameter."""
    found: dict[str, str] = {}
    for parent in reversed(cls.__mro__):
        if parent.__module__.partition(".")[0] in ("builtins", "keras", "pydantic"):
            continue
        for text in (parent.__dict__.get("__doc__"), getattr(parent.__dict__.get("__init__"), "__doc__", None)):
            found.update(_arguments(inspect.cleandoc(text or "")))
    return found


def _arguments(text: str) -> dict[str, str]:
    """The entries `name: meaning` under `Args:`, their lines joined."""
    found: dict[str, str] = {}
    name = None
    inside = False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            inside, name = line == "Args:", None
        elif inside and (entry := re.match(r"    (\w+)(?: \(.*?\))?: *(.*)", line)):
            name = entry[1]
            found[name] = entry[2]
        elif inside and name and line.strip():
            found[name] += " " + line.strip()
    return found


def type_text(annotation: Any) -> str:
    """A type in words: `int > 0`, `"box" or "gaussian"`, `list of metric`."""
    kind = schema.kind_of(annotation)
    if kind:
        return kind
    if annotation is type(None):
        return "null"
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _constrained(inner[0], inner[1:])
    if origin is Literal:
        return " or ".join(f"`{yaml_text(item)}`" for item in inner)
    if schema.is_union(annotation):
        return " or ".join(dict.fromkeys(type_text(item) for item in inner))
    if origin is dict:
        return f"mapping of {type_text(inner[1])}"
    if origin is tuple and Ellipsis not in inner:
        same = len(set(map(str, inner))) == 1
        return f"{len(inner)} x {type_text(inner[0])}" if same else f"[{', '.join(type_text(i) for i in inner)}]"
    if origin in (list, tuple, set):
        return f"list of {type_text(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    if isinstance(annotation, type) and issubclass(annotation, Path):
        return "path"
    return {str: "text", Any: "anything"}.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _constrained(base: Any, metadata: tuple[Any, ...]) -> str:
    if any(item is PathMarker or isinstance(item, PathMarker) for item in metadata):
        return "path or pattern"
    items = [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
    signs = {annotated_types.Gt: (">", "gt"), annotated_types.Ge: (">=", "ge")}
    signs |= {annotated_types.Lt: ("<", "lt"), annotated_types.Le: ("<=", "le")}
    bounds = [f"{signs[type(i)][0]} {getattr(i, signs[type(i)][1])}" for i in items if type(i) in signs]
    return f"{type_text(base)} {' and '.join(bounds)}" if bounds else type_text(base)


def _described(annotation: Any) -> str:
    """The description that `Annotated[..., Field(description=...)]` carries."""
    metadata = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((item.description for item in metadata if isinstance(item, FieldInfo) and item.description), "")


def yaml_text(value: Any) -> str:
    """A default as one would write it in YAML, on one line. Of a section, only what differs from its own defaults."""
    if isinstance(value, BaseModel):
        value = {key: getattr(value, key) for key in value.model_dump(exclude_defaults=True)}
    value = plain(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(yaml_text(item) for item in value) + "]"
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or value is True or value is False
        else str(value)
    )
