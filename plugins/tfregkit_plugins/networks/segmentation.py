"""A segmentation network."""

from __future__ import annotations

from collections import Counter

import keras
from keras import ops

from tfregkit.api import Decoder, Encoder, Network
from tfregkit.layers.conv_block import convolution
from tfregkit.ops.resize import resize_image


class Segmentation(Network):
    """Encoder, decoder, and a convolution of one voxel to the logits of K classes, the background first.

    With the encoder and decoder `unet` this is a 3-D U-Net. The image is the pair's fixed one, as it is when atlases
    are registered to an image to label it. Logits are float32 under any policy; those of a decoder that ends at a
    coarser resolution are resized linearly.

    Call arguments: `inputs` `{"fixed": (B, X, Y[, Z], C)}`. Returns `{"logits": (B, X, Y[, Z], K)}`.

    Args:
        labels: The structures, in the order of the classes from 1 on: names and label values, `{caudate: [36, 37],
            pons: 35}`, or values alone. All other values are background. A structure of several values is written as
            the first.
        encoder: Image to a pyramid of features.
        decoder: Pyramid to the features of which the logits are made.

    Reference: Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28; Cicek et al. 2016, 3D U-Net,
    doi:10.1007/978-3-319-46723-8_49.
    """

    gives = ("logits",)

    def __init__(self, *, labels: list[int] | dict[str, int | list[int]], encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.labels = labels
        self.encoder = encoder
        self.decoder = decoder
        named = list(labels.items()) if isinstance(labels, dict) else [(str(value), value) for value in labels]
        sets = [(name, tuple(values) if isinstance(values, list) else (values,)) for name, values in named]
        counts = Counter(value for _, values in sets for value in values)
        if not sets or not all(values for _, values in sets):
            raise ValueError(f"`labels` must name at least one value of each structure. Received: labels={labels}")
        if 0 in counts or max(counts.values()) > 1:
            raise ValueError(
                f"`labels` must name each value once, and not 0, the background. Received: labels={labels}"
            )
        self._structures = dict(sets)

    @property
    def stride(self) -> int:
        return self.encoder.stride

    @property
    def structures(self) -> dict[str, tuple[int, ...]]:
        return self._structures

    def build(self, inputs_shape):
        shape = inputs_shape["fixed"]
        features = self.decoder(self.encoder(keras.KerasTensor(shape)))
        self.head = convolution(len(shape) - 2, len(self._structures) + 1, 1, dtype="float32")
        self.head.build(features.shape)

    def call(self, inputs, training=None):
        image = inputs["fixed"]
        features = self.decoder(self.encoder(image, training=training), training=training)
        logits = self.head(ops.cast(features, "float32"))
        if logits.shape[1:-1] != image.shape[1:-1]:
            logits = resize_image(logits, ops.shape(image)[1:-1])
        return {"logits": logits}

    def extractor(self, role: str) -> Encoder:
        return self.encoder
