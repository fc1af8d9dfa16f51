"""LeakyReLU that remembers its output only."""

from __future__ import annotations

from typing import Any

from keras import ops

from tfregkit.backend.activation import leaky_relu_kernel


def leaky_relu(x: Any, slope: float) -> Any:
    """`max(x, slope x)` for `slope` in [0, 1].

    The output is positive where the input is, so the gradient needs only the output, which the next
    convolution keeps anyway: half the memory of the usual gradient, which keeps the input too.
    """
    kernel = leaky_relu_kernel()
    return ops.leaky_relu(x, slope) if kernel is None else kernel(x, slope)
