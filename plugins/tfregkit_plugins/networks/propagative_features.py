"""Features of two images by shared convolutions, level by level."""

from __future__ import annotations

import keras
from keras import ops

from tfregkit.layers.conv_block import ConvBlock, convolution
from tfregkit.ops.normal_noise import drawn

ROLES = ("moving", "fixed")


class FeaturePyramid(keras.layers.Layer):
    """`f^n = F^n(f^(n-1))` of both images, `f^0` the image: half the size at each level, three convolutions.

    The first convolution has kernels of 4 and strides of 2; then two of 3. With `variational` a level's convolutions
    lead to a mean and a log variance (kernels of 1), for every number by itself, and `f = mean + exp(log_variance / 2)
    eps` is what is given and what the next level sees; the mean where there is no `noise`.

    Args:
        filters: Channels of level 1 (half resolution), 2, ...
        variational: Whether features are drawn.
        remat: Recompute the convolutions in the backward pass.

    Call arguments: `inputs` with `moving` and `fixed` `(B, X, Y[, Z], C)`, and what `drawn` takes.
    Returns the features by role and level, `{"moving": {"P1": (B, X/2, ..., filters[0]), ...}, "fixed": {...}}`, and by
    level `(B, x, y[, z], 4 M)`: the means of the M moving and the M fixed features, then their log variances; empty
    where nothing is drawn.

    Reference: Liu et al. 2022, eq. 2, 3 and 10, doi:10.1109/TPAMI.2021.3115825.
    """

    def __init__(self, filters, variational=False, remat=False, **kwargs):
        super().__init__(autocast=False, **kwargs)  # noise that is rounded to half precision has few values
        self.variational = variational
        with keras.RematScope(mode="full" if remat else None):
            self.blocks = [
                [ConvBlock(count, 4, strides=2, dtype=self.dtype_policy)]
                + [ConvBlock(count, dtype=self.dtype_policy) for _ in range(2)]
                for count in filters
            ]

    def build(self, inputs_shape):
        shape, self.heads = inputs_shape["moving"], []
        heads = []
        for blocks in self.blocks:
            for block in blocks:
                block.build(shape)
                shape = block.compute_output_shape(shape)
            if self.variational:
                heads.append(self._heads(shape))
        self.heads = heads  # now, as a whole: Keras does not see later changes

    def _heads(self, shape):
        """Convolutions to mean and log variance, which begins small."""
        options = {"kernel_size": 1, "dtype": "float32"}
        small = {"kernel_initializer": keras.initializers.RandomNormal(stddev=1e-5)}
        small["bias_initializer"] = keras.initializers.Constant(-10.0)
        rank, channels = len(shape) - 2, shape[-1]
        heads = [convolution(rank, channels, **options), convolution(rank, channels, **options, **small)]
        for head in heads:
            head.build(shape)
        return heads

    def call(self, inputs):
        maps = ops.concatenate([inputs[role] for role in ROLES], axis=0)
        features, latent = {role: {} for role in ROLES}, {}
        for number, blocks in enumerate(self.blocks):
            for block in blocks:
                maps = block(maps)
            if self.variational:
                maps, latent[f"P{number + 1}"] = self._drawn(inputs, maps, number)
            for role, part in zip(ROLES, ops.split(maps, 2, axis=0), strict=True):
                features[role][f"P{number + 1}"] = part
        return features, latent

    def _drawn(self, inputs, maps, number):
        """The features of both images, and their distribution."""
        mean, log_variance = (_beside(head(maps)) for head in self.heads[number])
        features = ops.split(drawn(inputs, mean, log_variance, stream=number), 2, axis=-1)
        return ops.concatenate(features, axis=0), ops.concatenate([mean, log_variance], axis=-1)


def image_pyramid(inputs, levels):
    """Both images averaged over 2, 4, ... voxels along each axis, by role and level as `FeaturePyramid` gives them."""
    pyramid = {}
    for role in ROLES:
        image, pyramid[role] = ops.cast(inputs[role], "float32"), {}
        two = (2,) * (len(image.shape) - 2)
        for level in range(1, levels + 1):
            image = pyramid[role][f"P{level}"] = ops.average_pool(image, two, two)
    return pyramid


def _beside(maps):
    """What lies one after the other in the batch, the two images, side by side in the channels."""
    return ops.concatenate(ops.split(maps, 2, axis=0), axis=-1)
