"""Layers in float32 for a while, whatever their policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def full_precision(layer: keras.layers.Layer) -> Iterator[None]:
    """Within it the layer and those inside of it compute with float32, as their variables are kept.

    For differences of a function at weights that are close to each other, which would drown in the rounding of a mixed
    policy.

    Args:
        layer: With or without a mixed policy.
    """
    mixed = [
        (part, part.dtype_policy) for part in layer._flatten_layers() if part.compute_dtype in ("float16", "bfloat16")
    ]
    for part, _ in mixed:
        part.dtype_policy = "float32"
    try:
        yield
    finally:
        for part, policy in mixed:
            part.dtype_policy = policy
