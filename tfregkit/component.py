"""What components share: a keyword-only, typed constructor that is the schema, and a `get_config` derived from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import keras

from tfregkit.config.schema import annotations, parameters


class Component:
    """Mixin that derives `get_config` from the constructor: each parameter is stored under its own name.

    Nested components (also in lists and mappings) and paths are written as Keras can save them and restored by
    `from_config`, so that `.keras` files round-trip; for this every subclass is registered under its module's name.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        keras.saving.register_keras_serializable(package=cls.__module__)(cls)

    def get_config(self) -> dict[str, Any]:
        return {name: _serialised(getattr(self, name)) for name in parameters(type(self))}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        declared = annotations(cls)
        return cls(**{name: _restored(value, declared.get(name, Any)) for name, value in config.items()})


def _serialised(value: Any) -> Any:
    """A parameter as Keras can write it: components, also those in lists and mappings, as their configs."""
    if isinstance(value, Component):
        return keras.saving.serialize_keras_object(value)
    if isinstance(value, dict):
        return {key: _serialised(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_serialised(item) for item in value)
    return str(value) if isinstance(value, Path) else value


def _restored(value: Any, annotation: Any) -> Any:
    """The parameter of such a config. Paths are written as text: the annotation tells them apart."""
    if isinstance(value, dict) and "class_name" in value:  # a component, or a tuple as Keras writes it
        return keras.saving.deserialize_keras_object(value)
    if isinstance(value, dict):
        return {key: _restored(item, Any) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_restored(item, Any) for item in value)
    return Path(value) if isinstance(value, str) and Path in (annotation, *get_args(annotation)) else value
