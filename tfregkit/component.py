"""What components share: a keyword-only, typed constructor that is the schema, and a `get_config` derived from it."""

from __future__ import annotations

from typing import Any

import keras

from tfregkit.config.schema import parameters


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

        return {name: plain(getattr(self, name)) for name in parameters(type(self))}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        def restored(value: Any) -> Any:
            nested = isinstance(value, dict) and "class_name" in value and "config" in value
            return keras.saving.deserialize_keras_object(value) if nested else value

        return cls(**{name: restored(value) for name, value in config.items()})
