"""What all components share: a keyword-only, typed constructor that is the schema, and a `get_config` derived from it."""

from __future__ import annotations

import inspect
from typing import Any

import keras


def constructor_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """The constructor's parameters by name, without `self`."""
    if cls.__init__ is object.__init__:
        return {}
    return {n: p for n, p in inspect.signature(cls.__init__).parameters.items() if n != "self"}


class Component:
    """Mixin that derives `get_config` from the constructor: each parameter is stored under its own name.

    Nested components are serialised by Keras and restored by `from_config`, so that `.keras` files round-trip; for this
    every subclass is registered with Keras under its module's name.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        keras.saving.register_keras_serializable(package=cls.__module__)(cls)

    def get_config(self) -> dict[str, Any]:
        def plain(value: Any) -> Any:
            return keras.saving.serialize_keras_object(value) if isinstance(value, Component) else value

        return {name: plain(getattr(self, name)) for name in constructor_parameters(type(self))}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        def restored(value: Any) -> Any:
            nested = isinstance(value, dict) and "class_name" in value and "config" in value
            return keras.saving.deserialize_keras_object(value) if nested else value

        return cls(**{name: restored(value) for name, value in config.items()})
