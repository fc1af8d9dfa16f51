"""How the result of a step changes with what the step minimises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from keras import ops

from tfregkit.ops.all_replicas import replica_mean
from tfregkit.ops.value_and_gradients import value_and_gradients

Function = Callable[[Sequence[Any], Sequence[Any]], Any]
"""A scalar of weights `w` and hyper-parameters `v`, lists of tensors."""

TINY = 1e-12


def hypergradient(
    lower: Function,
    upper: Function,
    weights: Sequence[Any],
    learned: Sequence[Any],
    *,
    rate: Any,
    epsilon: Any,
    relative: bool = True,
    explicit: bool = False,
    scale: Any = 1.0,
    exactly: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> list[Any]:
    """`d upper(w1) / dv` for one step of gradient descent, `w1 = w - rate d lower(w, v) / dw`, by central difference.

    With `d = d upper(w1) / dw1` and `e = epsilon / |d|`,

        d upper(w1) / dv = - rate (d lower(w + e d, v) / dv - d lower(w - e d, v) / dv) / (2 e),

    exact where `lower` is quadratic. Two gradients with respect to the weights, two with respect to v alone, which cost
    little more than the function where v enters late. Nothing is assigned to any variable: the functions take the
    weights as arguments, so they are kept bit for bit, and memory holds one more set of them, no second network.

    Args:
        lower: What a training step descends: this replica's mean over its share.
        upper: What validation asks for, likewise.
        weights: w.
        learned: v.
        rate: Of the step.
        epsilon: How far the weights are moved for the difference.
        relative: Whether `epsilon` is the length of that move. Else e is `epsilon` itself (the paper takes the learning
            rate, which float32 hardly resolves).
        explicit: Add the derivative of `upper` itself with respect to v, at w1 (the paper).
        scale: A factor that keeps float16 gradients from underflow.
        exactly: A context in which functions are computed with all their digits. All replicas leave it together.

    Returns:
        One scalar for each of v, the mean over replicas; None for one on which `lower` does not depend.

    Reference: Liu et al. 2021, eqs. 19 to 21; Liu et al. 2019 (DARTS), eqs. 7 and 8, for the length of the move.
    """

    def slopes(function: Function, at: Sequence[Any], both: bool = False) -> list[Any]:
        inputs, count = [*at, *(learned if both else ())], len(at)

        def scaled(*tensors: Any) -> Any:
            return function(tensors[:count], tensors[count:] if both else learned) * scale

        _, found = value_and_gradients(scaled, inputs)
        found = [ops.zeros_like(x) if slope is None else slope for slope, x in zip(found, inputs, strict=True)]
        return [slope / scale for slope in replica_mean(found)]

    ahead = [w - rate * slope for w, slope in zip(weights, slopes(lower, weights), strict=True)]
    direction = slopes(upper, ahead, both=explicit)
    direction, own = direction[: len(ahead)], direction[len(ahead) :]
    move = epsilon
    if relative:
        move = epsilon / ops.maximum(ops.sqrt(sum(ops.sum(ops.square(d)) for d in direction)), TINY)

    def by_learned(sign: float) -> list[Any]:
        at = [w + sign * move * d for w, d in zip(weights, direction, strict=True)]
        return value_and_gradients(lambda *v: lower(at, v), learned)[1]

    with exactly():
        pairs = list(zip(by_learned(1.0), by_learned(-1.0), strict=True))
        known = [right - left for right, left in pairs if right is not None]
        differences = iter(replica_mean(known))
    found = [None if right is None else -rate * next(differences) / (2.0 * move) for right, _ in pairs]
    return [x if x is None else x + y for x, y in zip(found, own, strict=True)] if explicit else found
