"""A network that segments by intensity alone: each voxel gets the class whose level it is nearest to."""

from keras import ops

from tfregkit.models.base import Network

STRUCTURES = {"grey": (12, 13), "bright": (-7,)}
LEVELS = (0.0, 0.5, 1.0)


class Levels(Network):
    """Logits `-100 (image - level)^2` of the background, `grey` and `bright`."""

    stride = 4
    structures = STRUCTURES

    def __init__(self, *, gain=100.0):
        super().__init__()
        self.gain = gain

    def call(self, inputs, training=None):
        image = inputs["fixed"]
        assert all(size % 4 == 0 for size in image.shape[1:4])
        return {"logits": ops.concatenate([-self.gain * ops.square(image - level) for level in LEVELS], axis=-1)}
