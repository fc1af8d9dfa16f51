"""Mean squared differences of a field, with their gradient in closed form."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from keras import ops

from tfregkit.backend.fused import fused
from tfregkit.ops.shapes import spatial_shape

Terms = tuple[tuple[tuple[int, ...], float], ...]
"""`((axes, weight), ...)`: the differences to take one after the other, and the weight of their mean square."""


def forward_difference(values: Any, axis: int) -> Any:
    """`values[p + 1] - values[p]` along `axis`; that axis gets one shorter."""
    return values[_along(axis, slice(1, None))] - values[_along(axis, slice(None, -1))]


def difference_energy(field: Any, terms: Terms, absolute: bool = False) -> Any:
    """`Σ_terms weight · mean_p,k (D_a D_b ... field_k(p))²`, with `D_a` the forward difference along axis `a`.

    Each mean runs over the places where its stencil fits. The gradient is one fused pass over the field:
    `Σ_terms 2 weight / count · ... D_bᵀ D_aᵀ D_a D_b ... field`.

    Args:
        field: `(B, X, Y[, Z], N)`; every axis longer than the number of differences along it.
        terms: For instance `(((1,), 0.5), ((1, 2), 2.0))`; axes count from 1, as the batch is axis 0.
        absolute: Take absolute values instead of squares.

    Returns:
        `(B,)`.
    """
    energy, gradient = _compiled(tuple(terms), absolute)
    everywhere = tuple(range(1, len(field.shape)))

    @ops.custom_gradient
    def total(field):
        def grad(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            return gradient(field, ops.reshape(upstream, (-1, *[1] * len(everywhere))))

        return ops.sum(energy(field), axis=everywhere[:-1]), grad

    return total(field)


@lru_cache(maxsize=32)
def _compiled(terms: Terms, absolute: bool) -> tuple[Any, Any]:
    """The energy of each voxel `(B, X, Y[, Z])`, and the gradient of its sum."""
    measure, slope = (ops.abs, ops.sign) if absolute else (ops.square, lambda d: 2 * d)

    def energy(field):
        total = 0.0
        for axes, weight in terms:
            difference = _differences(field, axes)
            density = ops.sum(measure(difference), axis=-1) * _share(difference, weight)
            total = total + ops.pad(density, [(0, axes.count(axis)) for axis in range(len(density.shape))])
        return total

    def gradient(field, upstream):
        total = 0.0
        for axes, weight in terms:
            difference = _differences(field, axes)
            term = slope(difference) * _share(difference, weight)
            for axis in axes:
                term = _adjoint_difference(term, axis)
            total = total + term
        return total * upstream

    return fused(energy), fused(gradient)


def _share(difference: Any, weight: float) -> Any:
    """The weight of one value in the mean."""
    count = ops.shape(difference)[-1]
    for size in spatial_shape(difference):
        count = count * size
    return weight / ops.cast(count, difference.dtype)


def _differences(field: Any, axes: tuple[int, ...]) -> Any:
    for axis in axes:
        field = forward_difference(field, axis)
    return field


def _adjoint_difference(values: Any, axis: int) -> Any:
    """The transpose of `forward_difference`: `values[p - 1] - values[p]`, zero outside; that axis gets one longer."""
    before, after = ([(0, 0)] * len(values.shape) for _ in range(2))
    before[axis], after[axis] = (1, 0), (0, 1)
    return ops.pad(values, before) - ops.pad(values, after)


def _along(axis: int, which: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (which,)
