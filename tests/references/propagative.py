"""The propagative network in float64 from its equations (Liu et al. 2022, eq. 3 to 7), with given weights."""

from __future__ import annotations

import numpy as np
from references.spatial import scaling_squaring, warp
from scipy.ndimage import map_coordinates


def convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, strides: int = 1, dilation: int = 1) -> np.ndarray:
    """`(B, X, Y[, Z], C)` with a kernel `(k, k[, k], C, F)`, zeros outside, sizes divided by `strides`."""
    sides = kernel.shape[:-2]
    reach = [(k - 1) * dilation + 1 for k in sides]
    sizes = [-(-size // strides) for size in x.shape[1:-1]]
    total = [max((n - 1) * strides + r - size, 0) for n, r, size in zip(sizes, reach, x.shape[1:-1], strict=True)]
    padded = np.pad(x.astype(float), [(0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)])
    out = np.zeros((x.shape[0], *sizes, kernel.shape[-1])) + bias.astype(float)
    for tap in np.ndindex(*sides):
        starts = [t * dilation for t in tap]
        stops = [s + (n - 1) * strides + 1 for s, n in zip(starts, sizes, strict=True)]
        window = tuple(slice(s, e, strides) for s, e in zip(starts, stops, strict=True))
        out += padded[(slice(None), *window)] @ kernel[tap].astype(float)
    return out


def leaky(x: np.ndarray, slope: float) -> np.ndarray:
    return np.where(x > 0, x, slope * x)


def resized(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Linear, first and last voxels on each other."""
    lines = [np.linspace(0, old - 1, new) for old, new in zip(x.shape[1:-1], shape, strict=True)]
    grid = np.stack(np.meshgrid(*lines, indexing="ij"))
    out = np.empty((x.shape[0], *shape, x.shape[-1]))
    for b, c in np.ndindex(x.shape[0], x.shape[-1]):
        out[b, ..., c] = map_coordinates(x[b, ..., c].astype(float), grid, order=1, mode="nearest")
    return out


def enlarged(field: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A field on a finer grid, its vectors in that grid's voxels."""
    ratio = [(new - 1) / (old - 1) for old, new in zip(field.shape[1:-1], shape, strict=True)]
    return resized(field, shape) * np.array(ratio)


def compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`(id + first) o (id + second) - id`."""
    return second + warp(first, second)


def stack(x: np.ndarray, blocks: list, head: list, slope: float, dilations: list[int] | None = None):
    """The field, and the maps of which it is made; `blocks` and `head` are kernels and biases."""
    for (kernel, bias), dilation in zip(blocks, dilations or [1] * len(blocks), strict=True):
        x = leaky(convolve(x, kernel, bias, dilation=dilation), slope)
    return convolve(x, *head), x


def pyramid(image: np.ndarray, levels: list) -> dict[str, np.ndarray]:
    """Features of one image, `levels` lists of three kernels and biases, the first with strides of 2."""
    found = {}
    for number, blocks in enumerate(levels):
        for place, (kernel, bias) in enumerate(blocks):
            image = leaky(convolve(image, kernel, bias, strides=1 if place else 2), 0.2)
        found[f"P{number + 1}"] = image
    return found


def propagate(moving: dict, fixed: dict, matching: list, regularization: list, dilations, steps, literal) -> dict:
    """The fields by level, of features by level; modules are `(blocks, head)`, from coarse to fine."""
    found, phi, context = {}, None, None
    for number, module in enumerate(matching):
        level = f"P{len(matching) - number}"
        still, pulled = fixed[level].astype(float), moving[level].astype(float)
        maps = [still]
        if number:
            phi, context = enlarged(phi, still.shape[1:-1]), resized(context, still.shape[1:-1])
            pulled, maps = warp(pulled, phi), [still, phi, context]
        error = np.abs(still - pulled).sum(-1, keepdims=True)
        u, context = stack(np.concatenate([error, *maps], -1), *module, 0.2)
        u = u + phi if number and literal else u
        v = u + stack(u, *regularization[number], 0.1, dilations)[0] if regularization else u
        change = scaling_squaring(v, steps)
        phi = change if literal or not number else compose(phi, change)
        found[level] = {"update": u, "velocity": v, "displacement": phi}
    return found
