"""Integration of stationary velocities over unit time."""

from __future__ import annotations

from typing import Any, Literal

from tfregkit.backend.dispatch import kernel
from tfregkit.ops.shapes import at_least_float32, check_field
from tfregkit.ops.warp import warp


def integrate(velocity: Any, steps: int = 7, method: Literal["scaling_squaring", "euler"] = "scaling_squaring") -> Any:
    """The displacement at time 1 of the flow of a stationary velocity `v`; integrate `-v` for the inverse.

    `scaling_squaring`: `u = v / 2^steps`, then `steps` times `u(x) <- u(x) + u(x + u(x))` (Arsigny et al. 2006).
    `euler`: `u = v / steps`, then `steps - 1` times `u(x) <- u(x) + v(x + u(x)) / steps`.

    Args:
        velocity: `(B, X, Y[, Z], N)` in voxels per unit of time.
        steps: Squarings (zero returns `v`), or Euler steps (at least one).
        method: Which of the two.

    Returns:
        `(B, X, Y[, Z], N)` in voxels, float32 at least.

    Raises:
        ValueError: If the velocity is no field, or `steps` or `method` is out of range.
    """
    check_field(velocity, "velocity")
    if method not in ("scaling_squaring", "euler"):
        raise ValueError(f"`method` must be 'scaling_squaring' or 'euler'. Received: method={method!r}")
    least = 0 if method == "scaling_squaring" else 1
    if int(steps) != steps or steps < least:
        raise ValueError(f"`steps` must be a whole number of at least {least} for {method}. Received: steps={steps!r}")
    velocity = at_least_float32(velocity)
    if method == "euler":
        return _euler(velocity, steps)
    return (kernel("scaling_squaring", velocity) or _scaling_squaring)(velocity, steps)


def _scaling_squaring(velocity: Any, steps: int) -> Any:
    displacement = velocity / 2**steps
    for _ in range(steps):
        displacement = displacement + warp(displacement, displacement)
    return displacement


def _euler(velocity: Any, steps: int) -> Any:
    step = velocity / steps
    displacement = step
    for _ in range(steps - 1):
        displacement = displacement + warp(step, displacement)
    return displacement
