"""What an annotation says about a value in a configuration: which alternative is meant, and whether it is a path."""

from __future__ import annotations

import os
import typing
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from tfregkit.config import schema
from tfregkit.config.settings import PathMarker
from tfregkit.config.source import Node


@cache
def of_settings(cls: type[BaseModel]) -> dict[str, Any]:
    """A fixed section's annotations by key, under the field's name and its alias."""
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = cls.model_fields
    return {key: hints[name] for name in fields for key in (name, fields[name].alias or name)}


def keys(cls: type[BaseModel]) -> list[str]:
    """The keys a section knows, as they are written in YAML."""
    return [info.alias or name for name, info in cls.model_fields.items()]


def unwrapped(annotation: Any) -> tuple[Any, bool]:
    """The annotation without `Annotated`, and whether that marked it as a path."""
    if get_origin(annotation) is not Annotated:
        return annotation, False
    base, *metadata = get_args(annotation)
    return base, any(item is PathMarker or isinstance(item, PathMarker) for item in metadata)


def arm(annotation: Any, value: Any) -> Any:
    """The alternative of a union that fits the shape of a value: mapping, list, or plain."""
    arms = [item for item in get_args(annotation) if item is not type(None)]
    if value is None or not arms:
        return Any
    if len(arms) == 1:
        return arms[0]
    if isinstance(value, str):
        literal = [item for item in arms if get_origin(item) is Literal and value in get_args(item)]
        paths = [item for item in arms if is_path(item)]
        sections = [item for item in arms if schema.kind_of(item)]
        return next(iter(literal or paths or sections), Any)
    if isinstance(value, bool) and not any(unwrapped(item)[0] is bool for item in arms):
        return next((base for base in (unwrapped(item)[0] for item in arms) if base in (int, float)), Any)
    return next((item for item in arms if _holds(item, value)), Any)


def _holds(annotation: Any, value: Any) -> bool:
    """Whether the annotation is of a container of the value's shape."""
    base, _ = unwrapped(annotation)
    container = get_origin(base) or base
    if isinstance(value, dict):
        section = isinstance(base, type) and issubclass(base, BaseModel)
        return bool(schema.kind_of(annotation)) or section or container is dict
    return isinstance(value, list) and container in (list, tuple, set)


def items(annotation: Any, count: int) -> list[Any]:
    """The annotation of each item of a list or tuple."""
    inner = get_args(annotation)
    if get_origin(annotation) is tuple and len(inner) == count and Ellipsis not in inner:
        return list(inner)
    return [inner[0] if inner else Any] * count


def is_path(annotation: Any) -> bool:
    """Whether a string under this annotation is a path or a pattern."""
    base, marked = unwrapped(annotation)
    return marked or (isinstance(base, type) and issubclass(base, Path))


def absolute(node: Node) -> str:
    """A path made absolute against the folder of the file that says it (else the working directory)."""
    folder = node.mark.folder if node.mark and node.mark.folder else Path.cwd()
    return os.path.normpath(folder / Path(node.value).expanduser()) if node.value else node.value
