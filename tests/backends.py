"""Running the same tests under another Keras backend, and gradients (the core's own) that work on all of them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfregkit.backend.gradients import gradients

__all__ = ["OTHERS", "gradients", "run_tests", "smooth_field", "tensorflow_only"]
ROOT = Path(__file__).resolve().parents[1]
OTHERS = ("jax", "torch")
"""The backends beside TensorFlow. Use: `@pytest.mark.parity`, `@pytest.mark.parametrize("backend", OTHERS)`."""


def run_tests(backend: str, *paths: str) -> None:
    """Run test files (relative to the checkout) in a process of their own with `KERAS_BACKEND=backend`.

    Skips where the backend is not installed; fails when a test there fails or when none was collected. Tests marked
    `parity` are left out, those marked `tensorflow_only` skip.
    """
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += ["-m", "not parity", *paths]
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2", "JAX_PLATFORMS": "cpu"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # JAX compiles every operation: quickly, then
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"under {backend}:\n{done.stdout[-4000:]}{done.stderr[-2000:]}"


tensorflow_only = pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="looks at TensorFlow's own kernels"
)
"""Marks tests of what only TensorFlow has; they skip under the other backends."""


def smooth_field(shape: tuple[int, ...], largest: float, seed: int = 0, batch: int = 2) -> np.ndarray:
    """A smooth random field `(B, X, Y[, Z], N)` in float32 whose largest component is `largest` voxels."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    field = rng.normal(size=(batch, *shape, len(shape)))
    field = gaussian_filter(field, [0, *(2.0 for _ in shape), 0], mode="nearest")
    return (field / np.abs(field).max() * largest).astype("float32")
