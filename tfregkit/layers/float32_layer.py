"""Base of the layers that compute in float32 under any policy."""

from __future__ import annotations

from typing import Any

import keras


class Float32Layer(keras.layers.Layer):
    """A layer that computes in float32 unless told otherwise: half precision is too coarse for positions."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
