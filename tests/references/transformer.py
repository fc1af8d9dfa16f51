"""Attention and a transformer's block in float64 NumPy, one head and one token at a time."""

from __future__ import annotations

import math

import numpy as np


def attention(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """`(B, N, heads, d)`, `(B, M, heads, d)` twice, to `(B, N, heads, d)`."""
    out = np.zeros_like(query)
    for item, token, head in np.ndindex(query.shape[:3]):
        logits = key[item, :, head] @ query[item, token, head] / math.sqrt(query.shape[-1])
        weights = np.exp(logits - logits.max())
        out[item, token, head] = weights / weights.sum() @ value[item, :, head]
    return out


def layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) + beta


def gelu(x: np.ndarray) -> np.ndarray:
    return x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def block(x: np.ndarray, weights: dict[str, np.ndarray], heads: int) -> np.ndarray:
    """Tokens `(B, N, C)` after the block; matrices are `(in, out)`."""
    width = x.shape[-1] // heads
    normed = layer_norm(x, weights["gamma_1"], weights["beta_1"])
    parts = np.split(normed @ weights["qkv"], 3, axis=-1)
    query, key, value = (part.reshape(*x.shape[:2], heads, width) for part in parts)
    x = x + attention(query, key, value).reshape(x.shape) @ weights["project"] + weights["project_bias"]
    normed = layer_norm(x, weights["gamma_2"], weights["beta_2"])
    return x + gelu(normed @ weights["hidden"] + weights["hidden_bias"]) @ weights["out"] + weights["out_bias"]
