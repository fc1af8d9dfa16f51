"""Max-pooling under any precision."""

from __future__ import annotations

from typing import Any

import keras

from tfregkit.backend.loop import has_accelerator


def max_pooling(rank: int, dtype: Any) -> keras.layers.Layer:
    """The layer that halves images of that rank, taking the largest of each 2 x 2 (x 2) voxels.

    Args:
        rank: Spatial axes, 2 or 3.
        dtype: Its policy. TensorFlow cannot pool float16 in 3-D on a CPU: there it is float32, with the same values.
    """
    layers = {2: keras.layers.MaxPooling2D, 3: keras.layers.MaxPooling3D}
    half = dtype.compute_dtype == "float16"
    return layers[rank](2, dtype="float32" if half and not has_accelerator() else dtype)
