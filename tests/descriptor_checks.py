"""What the tests of descriptors share: images, the reference's differences, the check of their gradient."""

import numpy as np
from backends import gradients
from keras import ops
from references import mind as reference
from scipy.ndimage import gaussian_filter

import tfregkit


def images(shape=(2, 7, 11, 13, 1), seed=5):
    """Two related images, smooth enough to have structure."""
    noise = np.random.default_rng(seed).normal(size=(2, *shape))
    one, two = (gaussian_filter(x, [0, *[0.7] * (len(shape) - 2), 0]) for x in noise)
    return (2 * one).astype(np.float32), (1.2 * one + 1.6 * two + 0.3).astype(np.float32)


def differences(size, fixed, moved, **rule):
    """The map `(B, X, Y[, Z])` of mean `size`s of the descriptors' differences, of images `(B, X, Y[, Z], C)`."""
    a, b = (
        np.stack([[reference.descriptor(i[..., c], **rule) for c in range(i.shape[-1])] for i in x])
        for x in (fixed, moved)
    )
    return size(a - b).mean((1, -1))


def check_gradient(name, size, shape, weak=1.0, constant=None, points="star", patch=3, **parameters):
    """Slopes along random directions against the reference's, whose limits of `V` are held; half the image is weak.

    Returns the share of voxels below the lower limit, for each image.
    """
    rng = np.random.default_rng(11)
    fixed, moved = images(shape)
    fixed[:, : shape[1] // 2] *= weak
    moved[:, : shape[1] // 2] *= weak
    mask = (rng.random((*shape[:-1], 1)) > 0.3).astype(np.float32)
    weights = np.array([1.0, -2.0], np.float32)
    term = tfregkit.build("similarity", name, **parameters)
    found = gradients(lambda f, m: ops.sum(ops.multiply(term(f, m, mask=mask), weights)), fixed, moved)
    rule = {"distance": 2, "patch": patch, "points": points}
    held = [[reference.limits(x[..., 0], **rule) for x in pair] for pair in (fixed, moved)]

    def descriptors(batch, limits):
        both = zip(batch, limits, strict=True)
        return np.stack([reference.descriptor(x[..., 0], variance=constant, within=w, **rule) for x, w in both])

    def value(pair):
        a, b = (descriptors(batch, limits) for batch, limits in zip(pair, held, strict=True))
        maps = zip(size(a - b).mean(-1), mask[..., 0], strict=True)
        return float(np.dot([(m * w).sum() / w.sum() for m, w in maps], weights))

    for which, gradient in enumerate(found):
        direction = np.zeros((2, *shape))
        direction[which] = rng.normal(size=shape)
        pair = np.stack([fixed, moved]).astype(np.float64)
        # A tiny step: absolute values have kinks between.
        slope = (value(pair + 1e-8 * direction) - value(pair - 1e-8 * direction)) / 2e-8
        np.testing.assert_allclose(np.sum(gradient * direction[which]), slope, rtol=2e-3)
    return [
        np.mean(reference.excess(x[..., 0], **rule).mean(-1) < low)
        for batch, limits in zip((fixed, moved), held, strict=True)
        for x, (low, _) in zip(batch, limits, strict=True)
    ]
