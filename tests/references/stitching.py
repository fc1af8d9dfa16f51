"""PC-SwinMorph's stitcher in float64 NumPy, token by token; and Swin's masks from slices of an index volume."""

from __future__ import annotations

import itertools

import numpy as np


def swin_groups(size: int, window: int, shift: int) -> np.ndarray:
    """`(size, size, size)`: Swin's `img_mask`, one number for each box of the slices along the three axes."""
    groups = np.zeros((size,) * 3, int)
    slices = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    for count, box in enumerate(itertools.product(slices, repeat=3)):
        groups[box] = count
    return groups


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def window_attention(tokens: np.ndarray, weights: dict, window: int, shift: int, heads: int = 1) -> np.ndarray:
    """What a block adds to tokens `(gx, gy, gz, R, 3)`.

    A token is in the window that its place, less the shift, falls into; windows start at `shift`, and along an axis the
    last one is two: what reaches beyond the border, and the tokens before `shift`.
    """
    grid = tokens.shape[:3]
    places = list(itertools.product(*map(range, grid)))

    def window_of(place):
        return tuple((p - shift) // window for p in place)  # -1 for the tokens before the first whole window

    def within(place):
        return [(p - shift) % window for p in place]

    added = np.zeros_like(tokens)
    width, voxels = 3 // heads, tokens.shape[3]
    query, key, value = ({p: tokens[p] @ weights[f"{n}_w"] + weights[f"{n}_b"] for p in places} for n in "qkv")
    for place in places:
        others = [p for p in places if window_of(p) == window_of(place)]
        attended = np.zeros((voxels, 3))
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            logits = []
            for other in others:
                row = 0
                for a, b in zip(within(place), within(other), strict=True):
                    row = row * (2 * window - 1) + (a - b + window - 1)
                product = np.sum(query[place][:, part] * key[other][:, part])
                logits.append(product / np.sqrt(voxels * width) + weights["bias"][row, head])
            for share, other in zip(softmax(np.array(logits)), others, strict=True):
                attended[:, part] += share * value[other][:, part]
        added[place] = attended @ weights["p_w"] + weights["p_b"]
    return added


def stitched(field: np.ndarray, blocks: list[dict], count: int, window: int, shift: int, heads: int = 1) -> np.ndarray:
    """W-MSA, then SW-MSA, of the regions of a field `(X, Y, Z, 3)`, at full resolution."""
    along = count * window
    sides = [size // along for size in field.shape[:3]]
    tokens = np.zeros((along, along, along, np.prod(sides), 3))
    boxes = {}
    for place in itertools.product(range(along), repeat=3):
        boxes[place] = tuple(slice(p * s, (p + 1) * s) for p, s in zip(place, sides, strict=True))
        tokens[place] = field[boxes[place]].reshape(-1, 3)
    for weights, by in zip(blocks, (0, shift), strict=True):
        tokens = tokens + window_attention(tokens, weights, window, by, heads)
    result = np.zeros_like(field, dtype=float)
    for place, box in boxes.items():
        result[box] = tokens[place].reshape(*sides, 3)
    return result
