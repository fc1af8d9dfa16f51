"""What the checks share: fresh copies of a component, seeded asymmetric inputs, rules every component follows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from tfregkit.component import Component
from tfregkit.config.schema import check_constructor

BATCH = 2
SHAPES = ((13, 17), (11, 13, 17))
"""Distinct primes, so that a mix-up of axes cannot pass."""


def fresh(component: Any) -> Any:
    """A new, unbuilt component of the same parameters, so that one instance can be tried in 2-D and 3-D."""
    return type(component).from_config(component.get_config()) if isinstance(component, Component) else component


def values_of(term: Any) -> Any:
    """A fresh copy of a term of the objective, as a function that gives its values without what it watches."""
    term = fresh(term)
    if not term.watches:
        return term

    def call(*arguments: Any, **options: Any) -> Any:
        values, numbers = term(*arguments, **options)
        assert set(numbers) == set(term.watches), f"watches {sorted(numbers)}, but `watches` says {term.watches}"
        return values

    return call


def follows_the_rules(component: Any) -> None:
    """Keyword-only, annotated constructor; each parameter kept under its own name; `from_config` restores it."""
    cls = type(component)
    check_constructor(cls, cls.__name__)
    if not isinstance(component, Component):
        return
    try:
        config = component.get_config()
    except AttributeError as error:
        raise AssertionError(f"{cls.__name__} must keep each parameter under its own name: {error}") from error
    again = fresh(component).get_config()
    assert again == config, f"{cls.__name__}.from_config does not restore {config}; it gave {again}"


def image(shape: tuple[int, ...], seed: int = 0, channels: int = 1, batch: int = BATCH) -> np.ndarray:
    """Smooth random images in [0, 1], `(batch, *shape, channels)` float32, different in every axis and item."""
    noise = np.random.default_rng(seed).standard_normal((batch, *shape, channels))
    for axis, times in zip(range(1, len(shape) + 1), itertools.count(2)):
        for _ in range(times):
            noise = (np.roll(noise, 1, axis) + 2 * noise + np.roll(noise, -1, axis)) / 4
    low, high = noise.min(), noise.max()
    return ((noise - low) / (high - low)).astype("float32")


def field(shape: tuple[int, ...], seed: int = 0, size: float = 1.0, batch: int = BATCH) -> np.ndarray:
    """A smooth random field `(batch, *shape, N)` float32 with values up to about `size` voxels."""
    return ((image(shape, seed, len(shape), batch) - 0.5) * 2 * size).astype("float32")


def array(tensor: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def per_item(tensor: Any, batch: int, what: str) -> np.ndarray:
    """The values of a term, after the checks all terms share: `(batch,)`, float32, finite."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    values = array(tensor)
    assert values.shape == (batch,), f"{what} must return one value per item, ({batch},). Received: {values.shape}"
    assert dtype == "float32", f"{what} must return float32 under any policy. Received: {dtype}"
    assert np.all(np.isfinite(values)), f"{what} must be finite. Received: {values}"
    return values


@contextmanager
def policy(name: str) -> Iterator[None]:
    """Another default dtype policy within the block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
