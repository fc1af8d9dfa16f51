"""Images cut into `count` equal blocks along every axis, and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from tfregkit.ops.shapes import spatial_rank, spatial_shape


def split_blocks(image: Any, count: int) -> Any:
    """The blocks of each item, in the batch: `out[b n^N + (i n + j) n + k] = image[b, i X/n : (i+1) X/n, ...]`.

    PC-SwinMorph, section 3.2: the patches of an image go through one network as a batch.

    Args:
        image: `(B, X, Y[, Z], C)`, the spatial sizes divisible by `count`.
        count: Blocks along each axis, n.

    Returns:
        `(B n^N, X/n, Y/n[, Z/n], C)`: the blocks of one item together, in the order of the array (the first axis
        slowest).

    Raises:
        ValueError: If a size is not divisible by `count`; the message names sizes that are.
    """
    rank = spatial_rank(image, "image")
    sizes = spatial_shape(image)
    check_divisible(sizes, count, f"split into {count} blocks along each axis")
    inner = [size // count for size in sizes]
    pairs = [size for block in inner for size in (count, block)]
    parts = ops.reshape(image, (-1, *pairs, image.shape[-1]))
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    return ops.reshape(ops.transpose(parts, order), (-1, *inner, image.shape[-1]))


def merge_blocks(blocks: Any, count: int) -> Any:
    """The images of which `split_blocks` with the same `count` made these blocks.

    Args:
        blocks: `(B n^N, x, y[, z], C)`.
        count: Blocks along each axis, n.

    Returns:
        `(B, n x, n y[, n z], C)`.

    Raises:
        ValueError: If the number of blocks is not divisible by `count^N`.
    """
    rank = spatial_rank(blocks, "blocks")
    number, inner = blocks.shape[0], spatial_shape(blocks)
    if number is not None and number % count**rank:
        raise ValueError(f"`blocks` must hold whole images of {count}^{rank} blocks each. Received: {number} blocks")
    parts = ops.reshape(blocks, (-1, *[count] * rank, *inner, blocks.shape[-1]))
    order = (0, *[axis for k in range(1, rank + 1) for axis in (k, rank + k)], 2 * rank + 1)
    return ops.reshape(ops.transpose(parts, order), (-1, *[size * count for size in inner], blocks.shape[-1]))


def check_divisible(sizes: Sequence[Any], divisor: int, purpose: str) -> None:
    """Raise a ValueError unless every size is divisible; sizes known only at run time are not looked at.

    Args:
        sizes: Spatial sizes.
        divisor: What they must be multiples of.
        purpose: What for, as in "split into 2 blocks along each axis".
    """
    known = [size if isinstance(size, int) else None for size in sizes]
    if not any(size is not None and size % divisor for size in known):
        return
    lower, upper = ([_multiple(size, divisor, up) for size in known] for up in (0, 1))
    smaller = f"{_shape(lower)} or " if all(size != 0 for size in lower) else ""
    raise ValueError(
        f"to be {purpose}, every size must be a multiple of {divisor}, as in {smaller}{_shape(upper)}. "
        f"Received: {_shape(known)}"
    )


def _multiple(size: int | None, divisor: int, up: int) -> int | None:
    """The nearest multiple: at most `size`, or with `up` at least."""
    return None if size is None else (size + up * (divisor - 1)) // divisor * divisor


def _shape(sizes: Sequence[int | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in sizes)
