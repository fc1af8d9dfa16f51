"""Images cut into equal blocks, and put together again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from keras import ops

from tfregkit.ops.shapes import spatial_rank, spatial_shape


def split_blocks(image: Any, count: int | Sequence[Any]) -> Any:
    """The blocks of each item, in the batch: `out[b n^N + (i n + j) n + k] = image[b, i X/n : (i+1) X/n, ...]`.

    PC-SwinMorph, section 3.2: the patches of an image go through one network as a batch.

    Args:
        image: `(B, X, Y[, Z], C)`, the spatial sizes divisible by `count`.
        count: Blocks along each axis, n; or one number for each axis.

    Returns:
        `(B n^N, X/n, Y/n[, Z/n], C)`: the blocks of one item together, in the order of the array (the first axis
        slowest).

    Raises:
        ValueError: If a size is not divisible by `count`; the message names sizes that are.
    """
    rank, sizes = spatial_rank(image, "image"), spatial_shape(image)
    counts = _counts(count, rank)
    check_divisible(sizes, counts, "split into blocks")
    inner = [size // number for size, number in zip(sizes, counts, strict=True)]
    pairs = [size for pair in zip(counts, inner, strict=True) for size in pair]
    channels = ops.shape(image)[-1]
    parts = ops.reshape(image, (-1, *pairs, channels))
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    return ops.reshape(ops.transpose(parts, order), (-1, *inner, channels))


def merge_blocks(blocks: Any, count: int | Sequence[Any]) -> Any:
    """The images of which `split_blocks` with the same `count` made these blocks.

    Args:
        blocks: `(B n^N, x, y[, z], C)`.
        count: Blocks along each axis, n; or one number for each axis.

    Returns:
        `(B, n x, n y[, n z], C)`.

    Raises:
        ValueError: If the number of blocks is not that of whole images.
    """
    rank, inner = spatial_rank(blocks, "blocks"), spatial_shape(blocks)
    counts, number = _counts(count, rank), blocks.shape[0]
    if number is not None and all(isinstance(n, int) for n in counts) and number % math.prod(counts):
        raise ValueError(
            f"`blocks` must hold whole images of {'x'.join(map(str, counts))} blocks each. Received: {number} blocks"
        )
    channels = ops.shape(blocks)[-1]
    parts = ops.reshape(blocks, (-1, *counts, *inner, channels))
    order = (0, *[axis for k in range(1, rank + 1) for axis in (k, rank + k)], 2 * rank + 1)
    sizes = [size * number for size, number in zip(inner, counts, strict=True)]
    return ops.reshape(ops.transpose(parts, order), (-1, *sizes, channels))


def check_divisible(sizes: Sequence[Any], divisors: Sequence[Any], purpose: str) -> None:
    """Raise a ValueError unless every size is a multiple of its divisor; what is known only at run time is not judged.

    Args:
        sizes: Spatial sizes.
        divisors: One for each size.
        purpose: What for, as in "split into blocks".
    """
    pairs = [
        (size, n) if isinstance(size, int) and isinstance(n, int) else None
        for size, n in zip(sizes, divisors, strict=True)
    ]
    if not any(pair is not None and pair[0] % pair[1] for pair in pairs):
        return
    lower = [None if pair is None else pair[0] // pair[1] * pair[1] for pair in pairs]
    upper = [None if pair is None else -(-pair[0] // pair[1]) * pair[1] for pair in pairs]
    smaller = f"{_shape(lower)} or " if all(size != 0 for size in lower) else ""
    raise ValueError(
        f"to be {purpose}, sizes must be multiples of {_shape(pair and pair[1] for pair in pairs)}, as in "
        f"{smaller}{_shape(upper)}. Received: {_shape(pair and pair[0] for pair in pairs)}"
    )


def _counts(count: int | Sequence[Any], rank: int) -> list[Any]:
    """The blocks along each axis."""
    return [count] * rank if isinstance(count, int) else list(count)


def _shape(sizes: Iterable[int | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in sizes)
