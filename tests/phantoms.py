"""A pair of images with a known transform between them, from formulas of world coordinates alone, and fake networks."""

import keras
import numpy as np
from keras import ops

from tfregkit.data.volume import Volume
from tfregkit.models.base import Network

CENTRE = np.array([7.0, -11.0, 5.0])
BLOBS = np.array([[-4.0, 2, 1], [5, -5, 3], [1, 6, -4], [-6, -6, 5], [3, 2, 6], [0, -2, -6]])
HEIGHTS = np.array([90.0, 70, 110, 60, 80, 100])


def anatomy(points_mm):
    """A sum of Gaussian blobs, `(..., 3)` RAS mm to `(...)`."""
    distance = np.linalg.norm(points_mm[..., None, :] - CENTRE - BLOBS, axis=-1)
    return (HEIGHTS * np.exp(-((distance / 3.5) ** 2) / 2)).sum(axis=-1)


def shift(points_mm):
    """A smooth displacement in RAS mm, `(..., 3)` to `(..., 3)`, at most 1.5 mm per component."""
    x, y, z = np.moveaxis((points_mm - CENTRE) / 9.0, -1, 0)
    return np.stack([1.5 * np.sin(y + 0.3), -1.2 * np.cos(z) * np.sin(x + 1.0), 0.9 * np.sin(x - y)], axis=-1)


def places(grid):
    """The world coordinates of every voxel, `(X, Y, Z, 3)`."""
    return grid.voxel_to_world(np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1))


def fixed_image(grid):
    return Volume(anatomy(places(grid)).astype(np.float32), grid)


def moving_image(grid, affine):
    """The anatomy after `T(x) = A (x + d(x))`: `moving(y) = anatomy(T^-1 y)`, so `moving(T(x))` is `anatomy(x)`."""
    before = places(grid) @ np.linalg.inv(affine)[:3, :3].T + np.linalg.inv(affine)[:3, 3]
    after = before.copy()
    for _ in range(50):
        after = before - shift(after)
    return Volume(anatomy(after).astype(np.float32), grid)


class Constant(Network):
    """A network that gives one displacement whatever it sees, and remembers what it saw last."""

    def __init__(self, *, displacement=None, inverse=None, stride_of=8, conditioning=False):
        super().__init__()
        self.displacement, self.inverse = displacement, inverse
        self.stride_of, self.conditioning = stride_of, conditioning
        self.seen = keras.Variable(np.zeros(2), trainable=False)

    @property
    def stride(self):
        return self.stride_of

    @property
    def conditioned(self):
        return self.conditioning

    def call(self, inputs, training=None):
        shape = tuple(inputs["fixed"].shape[1:4])
        assert all(size % self.stride_of == 0 for size in shape)
        assert tuple(inputs["moving"].shape) == (1, *shape, 1)
        self.seen.assign(ops.stack([ops.min(inputs["moving"]), ops.max(inputs["moving"])]))
        given = {"displacement": self.displacement, "inverse": self.inverse}
        if self.displacement is None:
            given["displacement"] = np.zeros((*shape, 3), np.float32)
        return {name: ops.convert_to_tensor(field[None]) for name, field in given.items() if field is not None}


class Still(Constant):
    """A network with a weight and a velocity, both zero."""

    def build(self, shapes):
        self.gain = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs, training=None):
        still = ops.zeros((*inputs["fixed"].shape[:-1], 3)) * self.gain
        return {"velocity": still, "displacement": still, "inverse": still}
