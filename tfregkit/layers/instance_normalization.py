"""Instance normalisation."""

from __future__ import annotations

import keras


class InstanceNormalization(keras.layers.GroupNormalization):
    """`gamma (x - mean) / sqrt(variance + 1e-5) + beta`, mean and variance per item and channel."""

    def __init__(self, groups=-1, epsilon=1e-5, **kwargs):
        super().__init__(groups=groups, epsilon=epsilon, **kwargs)
