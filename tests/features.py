"""Feature maps as networks give them, and terms whose vectors are their means."""

from __future__ import annotations

import keras
import numpy as np
from backends import gradients
from keras import ops

ROLES = ("fixed", "moving")
IMAGE = np.zeros((1, 2, 2, 1), "float32")
"""What a term that looks at features only is given for images."""


def maps(items=3, seed=0, channels=(3, 4)):
    """`{"moving": {"P0": (B, 5, 7, 11, c0), "P1": (B, 2, 3, 5, c1)}, "fixed": ...}`."""
    rng = np.random.default_rng(seed)
    shapes = {"P0": (items, 5, 7, 11, channels[0]), "P1": (items, 2, 3, 5, channels[1])}
    return {role: {level: rng.normal(size=s).astype("float32") for level, s in shapes.items()} for role in ROLES}


def constant(rows):
    """Maps of 2 x 2 x 2 blocks whose means are `rows` `(B, 8, d)`, or of one mean everywhere, `(B, 1, d)`."""
    rows = np.asarray(rows, "float32")
    side = round(rows.shape[1] ** (1 / 3))
    cubes = rows.reshape(len(rows), side, side, side, -1)
    return np.repeat(np.repeat(np.repeat(cubes, 2, 1), 2, 2), 2, 3)


def features(fixed, moving):
    return {"fixed": {"P1": constant(fixed)}, "moving": {"P1": constant(moving)}}


def value(term, *arguments, **options):
    """The term's values and what it watches, as arrays."""
    return keras.tree.map_structure(ops.convert_to_numpy, term(IMAGE, IMAGE, *arguments, **options))


def plain(term, **options):
    """The term with linear layers that change nothing, as wide as the features."""
    value(term, **options)
    for layers in term.embedding.heads.heads.values():
        layers[0].kernel.assign(np.eye(*layers[0].kernel.shape))
        layers[0].bias.assign(0 * layers[0].bias)
    return term


def weights(term, role, level):
    """Kernel and bias of the linear layer."""
    return [
        tuple(ops.convert_to_numpy(x) for x in (h.kernel, h.bias))
        for h in term.embedding.heads.heads[f"{role}_{level}"]
    ]


def check_gradients(term, given, **options):
    """Against central differences along a random direction in each image's coarsest map, in the order of `ROLES`."""

    def total(*changed):
        found = {role: {"P1": x} for role, x in zip(ROLES, changed, strict=True)}
        return ops.sum(term(IMAGE, IMAGE, features=found, **options)[0])

    rng, h = np.random.default_rng(3), 1e-2
    for which, slope in enumerate(gradients(total, *given)):
        direction = rng.normal(size=slope.shape).astype("float32")
        sides = []
        for sign in (1, -1):
            moved = [x + sign * h * direction if i == which else x for i, x in enumerate(given)]
            sides.append(float(ops.convert_to_numpy(total(*moved))))
        expected = float((slope * direction).sum())
        assert abs(expected) > 1e-3
        np.testing.assert_allclose((sides[0] - sides[1]) / (2 * h), expected, rtol=0.02)
