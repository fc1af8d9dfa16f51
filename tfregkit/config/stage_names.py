"""Which earlier stages a stage's components refer to."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, get_args

from pydantic import BaseModel

from tfregkit import registry
from tfregkit.config import schema
from tfregkit.config.settings import Spec, StageMarker

Path = tuple[Hashable, ...]


def stages_named(value: Any, at: Path) -> Iterator[tuple[Path, str]]:
    """Every `StageName` that is set in the sections below a value, with its place."""
    if isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            inner, place = getattr(value, name), (*at, info.alias or name)
            if isinstance(inner, dict) and _is_stage(info.annotation):
                yield from (((*place, key), stage) for key, stage in inner.items() if isinstance(stage, str))
            else:
                yield from stages_named(inner, place)
    elif isinstance(value, Spec):
        component = value.component or registry.current().get(value.kind, value.name).component
        hints = schema.annotations(component)
        for name, inner in value.parameters.items():
            if isinstance(inner, str) and _is_stage(hints[name]):
                yield (*at, name), inner
            else:
                yield from stages_named(inner, (*at, name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from stages_named(inner, (*at, key))
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from stages_named(inner, (*at, i))


def _is_stage(annotation: Any) -> bool:
    return isinstance(annotation, StageMarker) or any(_is_stage(inner) for inner in get_args(annotation))
