"""Building blocks of the configuration's schema: fixed sections, component sections and paths. No Keras here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import core_schema


class Settings(BaseModel):
    """Base of every fixed section of a configuration: unknown keys are refused, values are read-only.

    A field whose key is no Python name takes an alias: `lam: float = Field(0.1, alias="lambda")`.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, populate_by_name=True, allow_inf_nan=False
    )

    def plain(self) -> dict[str, Any]:
        """The section as YAML-ready data, every default included; reading it back gives an equal section."""
        return {info.alias or name: plain(getattr(self, name)) for name, info in type(self).model_fields.items()}


@dataclass(frozen=True)
class Spec:
    """A validated component section: plain data with all defaults, not yet built.

    Nested components are Specs inside `parameters`. `where` (`file:line`) is only for messages.
    """

    kind: str
    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    where: str = field(default="", compare=False, repr=False)
    component: type | None = field(default=None, compare=False, repr=False)

    def build(self) -> Any:
        """The component, nested ones built first. Each call gives a new one.

        Raises:
            ConfigError: When the constructor refuses the values, with the section's file and line.
        """
        from tfregkit.config.build import build_spec

        return build_spec(self)

    def plain(self) -> dict[str, Any]:
        """`{"name": ..., **parameters}` as YAML-ready data."""
        return {"name": self.name, **{key: plain(value) for key, value in self.parameters.items()}}


@dataclass(frozen=True)
class Kind:
    """Marks a component section: `dataset: Annotated[Spec, Kind("dataset")]`.

    Accepts a mapping `{name: ..., ...}`, a bare name, or a Spec.
    """

    name: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def _validate(self, value: Any) -> Any:
        from tfregkit.config.build import component_section

        return component_section(self.name, value)


class PathMarker:
    """Marks a string that is a path or a glob, to be made absolute against the configuration's folder."""


PathPattern = Annotated[str, PathMarker()]
"""A path or glob pattern. In a configuration it is relative to the folder of the file that says it."""


class StageMarker:
    """Marks a string that is the name of an earlier stage of the experiment."""


StageName = Annotated[str, StageMarker()]
"""The name of an earlier stage, from which a component takes trained weights. See `Similarity.connect`."""


def plain(value: Any) -> Any:
    """A validated value as YAML-ready data: paths as strings, tuples as lists, sections as mappings."""
    if isinstance(value, (Settings, Spec)):
        return value.plain()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
