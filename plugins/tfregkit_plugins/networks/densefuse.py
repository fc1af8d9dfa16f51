"""DenseFuse: an autoencoder whose feature maps can be fused."""

from __future__ import annotations

from typing import Annotated

import keras
from keras import ops
from pydantic import Field

from tfregkit.api import ConfigError, ImageCoder

Filters = Annotated[int, Field(gt=0)]


class DenseFuse(ImageCoder):
    """DenseFuse's autoencoder, of 2-D images or of the slices of 3-D ones; `tfregkit fuse` fuses images with it.

    Encoder: a convolution, then a dense block, whose convolutions each see all maps before them; the feature maps are
    those of all, side by side. Decoder: convolutions down to one channel. All have 3 x 3 taps, reflected borders and
    ReLU, but for the last, which has none; no normalisation. 74,193 weights.

    Slices are those across the last axis (axial on a training grid); a 3-D image goes through slice by slice, so memory
    is that of a slice.

    Call arguments: `inputs` `{"moving": (B, X, Y[, Z], 1), "fixed": ...}`, each at least 2 voxels wide along X and Y.
    Returns `{"reconstructions": {role: (B, X, Y[, Z], 1)}}`.

    Args:
        filters: Channels of the first convolution and of each of the dense block; the encoder gives `1 + dense_layers`
            times as many maps.
        dense_layers: Convolutions of the dense block.
        decoder_filters: Channels of the decoder's convolutions before the last.

    Reference: Li and Wu 2019, section III, doi:10.1109/TIP.2018.2887342.
    """

    gives = ("reconstructions",)

    def __init__(
        self,
        *,
        filters: Filters = 16,
        dense_layers: Annotated[int, Field(ge=1)] = 3,
        decoder_filters: Annotated[list[Filters], Field(min_length=1)] = (64, 32, 16),
    ) -> None:
        super().__init__()
        self.filters = filters
        self.dense_layers = dense_layers
        self.decoder_filters = list(decoder_filters)
        options = {"kernel_size": 3, "padding": "valid", "dtype": self.dtype_policy}
        widths = [filters] * (1 + dense_layers)
        self.encoder = [keras.layers.Conv2D(width, activation="relu", **options) for width in widths]
        self.decoder = [keras.layers.Conv2D(width, activation="relu", **options) for width in self.decoder_filters]
        self.last = keras.layers.Conv2D(1, **options)

    @property
    def stride(self) -> int:
        return 1

    def build(self, inputs_shape):
        channels = 1
        for number, layer in enumerate(self.encoder):
            layer.build((None, None, None, channels))
            channels = (number + 1) * self.filters
        for layer in (*self.decoder, self.last):
            layer.build((None, None, None, channels))
            channels = layer.filters

    def call(self, inputs, training=None):
        found = {}
        for role in ("moving", "fixed"):
            if role in inputs:
                self._check(inputs[role].shape)
                found[role] = _by_slice(lambda slices: self._decoded(self._encoded(slices)), inputs[role])
        return {"reconstructions": found}

    def encode_image(self, image):
        self._check(image.shape)
        return _by_slice(self._encoded, image)

    def decode_image(self, maps):
        return _by_slice(self._decoded, maps)

    def _encoded(self, image):
        maps = _reflected(image, self.encoder[0])
        for layer in self.encoder[1:]:
            maps = ops.concatenate([maps, _reflected(maps, layer)], axis=-1)
        return maps

    def _decoded(self, maps):
        for layer in (*self.decoder, self.last):
            maps = _reflected(maps, layer)
        return ops.cast(maps, "float32")

    def _check(self, shape):
        if any(size is not None and size < 2 for size in shape[1:3]) or shape[-1] != 1:
            raise ConfigError(
                "network `densefuse` takes images of one channel, at least 2 voxels wide along the first two axes. "
                f"Received: shape {tuple(shape)}"
            )


def _reflected(maps, layer):
    """A convolution of 3 x 3 taps with reflected borders."""
    return layer(ops.pad(maps, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect"))


def _by_slice(function, image):
    """A function of `(B, X, Y, C)` on the slices of `(B, X, Y, Z, C)`, one after the other; on a 2-D image as it is."""
    if len(image.shape) == 4:
        return function(image)
    if image.shape[3] == 1:
        return ops.expand_dims(function(ops.squeeze(image, axis=3)), axis=3)
    return ops.moveaxis(ops.map(function, ops.moveaxis(image, 3, 0)), 0, 3)
