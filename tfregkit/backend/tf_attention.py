"""Attention for TensorFlow: some queries at a time, and a gradient that keeps no matrix."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

MOST = 2**24
"""Values of the matrix that exist at once: 64 MB in float32."""


def attention(query: Any, key: Any, value: Any) -> Any:
    """See `tfregkit.ops.attention`."""
    query, key, value = (tf.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))  # (B, heads, N, d)
    return tf.transpose(_by_head(query, key, value), (0, 2, 1, 3))


@tf.custom_gradient
def _by_head(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
    scale = 1 / math.sqrt(query.shape[-1])
    sizes = _pieces(query, key)

    def weights(queries: Any) -> Any:
        logits = tf.matmul(queries * scale, key, transpose_b=True)
        return tf.nn.softmax(logits if logits.dtype == tf.float64 else tf.cast(logits, tf.float32))

    parts = [tf.matmul(tf.cast(weights(part), value.dtype), value) for part in tf.split(query, sizes, axis=2)]
    out = parts[0] if len(parts) == 1 else tf.concat(parts, axis=2)

    def gradient(upstream: Any) -> tuple[Any, Any, Any]:
        # With P the weights: dv = P^T do, dS = P (do v^T - <do, o>), dq = dS k / sqrt(d), dk = dS^T q / sqrt(d).
        d_query, d_key, d_value = [], 0, 0
        for queries, outs, d_out in zip(*(tf.split(x, sizes, axis=2) for x in (query, out, upstream)), strict=True):
            p = weights(queries)
            d_value += tf.matmul(tf.cast(p, d_out.dtype), d_out, transpose_a=True)
            inner = tf.reduce_sum(tf.cast(outs, p.dtype) * tf.cast(d_out, p.dtype), axis=-1, keepdims=True)
            d_logits = p * (tf.cast(tf.matmul(d_out, value, transpose_b=True), p.dtype) - inner)
            d_logits = tf.cast(d_logits * scale, query.dtype)
            d_query.append(tf.matmul(d_logits, key))
            d_key += tf.matmul(d_logits, queries, transpose_a=True)
        return tf.concat(d_query, axis=2), d_key, d_value

    return out, gradient


def _pieces(query: Any, key: Any) -> list[int]:
    """How many queries at a time, so that their matrix has at most `MOST` values; all of an unknown number."""
    batch, heads, tokens, _ = query.shape
    if None in (batch, tokens, key.shape[2]):
        return [-1]
    most = max(1, MOST // (batch * heads * key.shape[2]))
    count = -(-tokens // most)
    return [tokens // count + (k < tokens % count) for k in range(count)]
