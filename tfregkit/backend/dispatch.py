"""Finds the kernels written for the backend in use; without one the generic `keras.ops` code runs."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import keras

_KERNELS = {
    "tensorflow": {
        "sample_linear": "tfregkit.backend.tf_warp",
        "scaling_squaring": "tfregkit.backend.tf_integrate",
        "resize_axis": "tfregkit.backend.tf_resize",
        "box_sum": "tfregkit.backend.tf_window",
        "attention": "tfregkit.backend.tf_attention",
        "instance_norm": "tfregkit.backend.tf_instance_norm",
    }
}
_SMALL = 2**17
"""Below this many values compiling a kernel costs more than it saves."""


def kernel(name: str, *tensors: Any) -> Callable[..., Any] | None:
    """The backend's own version of an operation, or None where the generic one serves.

    Args:
        name: Of the operation.
        *tensors: Its inputs: with few values in each, and for shapes unknown to the last axis, the generic code serves.
            Setting the environment variable `TFREGKIT_GENERIC` to 1 asks for it everywhere.

    Returns:
        A function with the generic one's signature.
    """
    module = _KERNELS.get(keras.backend.backend(), {}).get(name)
    if module is None or os.environ.get("TFREGKIT_GENERIC") == "1":
        return None
    if any(tensor.shape[-1] is None for tensor in tensors) or all(_small(tensor) for tensor in tensors):
        return None
    return getattr(importlib.import_module(module), name)


def _small(tensor: Any) -> bool:
    size = 1
    for axis in tensor.shape:
        if axis is None:
            return False
        size *= axis
    return size < _SMALL
