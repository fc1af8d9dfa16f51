"""Attention of all tokens to all."""

from __future__ import annotations

from typing import Any

from keras import ops

from tfregkit.backend.dispatch import kernel


def attention(query: Any, key: Any, value: Any) -> Any:
    """`softmax(q k^T / sqrt(d)) v` for each head.

    Under torch and JAX it is the backend's own, which is fused (flash attention) where the device has it. TensorFlow
    has none: there tokens look at all others some at a time, and the gradient computes the matrix again, so that
    memory grows with the number of tokens and not with its square.

    Args:
        query: `(B, N, heads, d)`.
        key: `(B, M, heads, d)`.
        value: `(B, M, heads, d)`.

    Returns:
        `(B, N, heads, d)`, in the inputs' type; the softmax is float32 at least.

    Reference: Vaswani et al. 2017, equation 1, arXiv:1706.03762; the gradient without the matrix: Dao et al. 2022,
    algorithm 4, arXiv:2205.14135.
    """
    fast = kernel("attention", query)
    return ops.dot_product_attention(query, key, value) if fast is None else fast(query, key, value)
