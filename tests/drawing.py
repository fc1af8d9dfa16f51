"""A fake network that draws: independent normal numbers of a known deviation around a known displacement."""

from keras import ops
from phantoms import Constant

from tfregkit.ops.normal_noise import drawn


class Drawing(Constant):
    """`Constant`, and `deviation` voxels of noise around it where there is noise."""

    needs = ("noise",)

    def __init__(self, *, deviation=0.5, **parameters):
        super().__init__(**parameters)
        self.deviation = deviation

    def call(self, inputs, training=None):
        outputs = super().call(inputs, training)
        mean = ops.cast(outputs["displacement"], "float32")
        log_variance = ops.full_like(mean, 2 * ops.log(self.deviation))
        return {**outputs, "displacement": drawn(inputs, mean, log_variance)}
