"""The network that MixCL pre-trains."""

from __future__ import annotations

from typing import Annotated, Literal

import keras
from keras import ops
from pydantic import Field

from tfregkit.api import VIEWS, ConfigError, Decoder, Encoder, Network
from tfregkit.layers.conv_block import convolution
from tfregkit.ops.resize import resize_image
from tfregkit_plugins.networks.projector import Projector

Level = Annotated[int, Field(ge=0)]
IMAGES = ("fixed", "moving", *VIEWS)


class MixCL(Network):
    """An encoder whose feature maps are embedded voxel by voxel, and a decoder that gives the image back.

    All images go through the encoder as one batch. Each tapped level has a projector of three convolutions of one
    voxel, `[c, c, 2 c]`, and the reconstructor ends with one to a single channel. The encoder is what later stages
    begin with (`initial: {encoder: ...}`); projectors and reconstructor are left behind.

    Call arguments: `inputs`, images `(B, X, Y[, Z], 1)` by the batch's names, distorted views (`fixed_view`,
    `fixed_second_view`, `moving_view`) or others (`fixed`, `moving`); `project`, which embeddings are wanted: levels by
    the image's name (`{"fixed_view": ["P1"]}`; None instead of a list: all tapped ones; default: of all images);
    `reconstruct`, the names of the images to give back (default: all). Returns `{"embeddings": {name: {"P0": (B, x, y[,
    z], 2 c), ...}}, "reconstructions": {name: (B, X, Y[, Z], 1)}}`; what is not wanted is not computed.

    Args:
        encoder: Image to a pyramid of features.
        reconstructor: Pyramid to the features of which the image is made.
        levels: The tapped levels, 0 at full resolution; `null`: all.
        normalization: In the projectors, after the first two convolutions: `instance`, `batch` (over all images and
            views together) or `none`. The paper does not say which.

    Reference: Li et al. 2022 (MixCL), section 2.1.
    """

    gives = ("embeddings", "reconstructions")

    def __init__(
        self,
        *,
        encoder: Encoder,
        reconstructor: Decoder,
        levels: Annotated[list[Level], Field(min_length=1)] | None = None,
        normalization: Literal["instance", "batch", "none"] = "instance",
    ) -> None:
        super().__init__()
        if levels is not None and len(set(levels)) < len(levels):
            raise ValueError(f"`levels` names a level twice. Received: levels={levels}")
        self.encoder = encoder
        self.reconstructor = reconstructor
        self.levels = levels
        self.normalization = normalization

    @property
    def stride(self) -> int:
        return self.encoder.stride

    @property
    def embedded(self) -> list[str] | None:
        """The tapped levels by name; `None`: all of the encoder, which are not known before there are weights."""
        return list(self.projectors) if self.built else self.levels and [f"P{level}" for level in self.levels]

    def build(self, inputs_shape):
        shape = next(iter(_images(inputs_shape).values()))
        pyramid = self.encoder(keras.KerasTensor(shape))
        names = list(pyramid) if self.levels is None else [f"P{level}" for level in self.levels]
        if missing := [name for name in names if name not in pyramid]:
            raise ConfigError(
                f"network `mixcl`: `levels`: the encoder has no {missing[0]}. It has {', '.join(pyramid)}."
            )
        normalization = None if self.normalization == "none" else self.normalization
        self.projectors = {name: Projector(normalization, dtype=self.dtype_policy) for name in names}
        for name, projector in self.projectors.items():
            projector.build(pyramid[name].shape)
        features = self.reconstructor(pyramid)
        self.head = convolution(len(shape) - 2, 1, 1, dtype="float32")
        self.head.build(features.shape)

    def call(self, inputs, project=None, reconstruct=None, training=None):
        given = _images(inputs)
        project = dict.fromkeys(given) if project is None else project
        reconstruct = list(given) if reconstruct is None else reconstruct
        pyramid = self.encoder(_joined(given), training=training)
        maps = {level: _parted(found, list(given)) for level, found in pyramid.items()}
        embeddings = {name: {} for name in project}
        for level in self.projectors:
            wanted = {name: maps[level][name] for name, levels in project.items() if levels is None or level in levels}
            if wanted:
                found = _parted(self.projectors[level](_joined(wanted)), list(wanted))
                for name in wanted:
                    embeddings[name][level] = found[name]
        images = {}
        if reconstruct:
            chosen = {level: _joined({name: found[name] for name in reconstruct}) for level, found in maps.items()}
            images = _parted(self._image(chosen, given[reconstruct[0]], training), reconstruct)
        return {"embeddings": embeddings, "reconstructions": images}

    def extractor(self, role: str) -> Encoder:
        return self.encoder

    def _image(self, pyramid, like, training):
        features = self.reconstructor(pyramid, training=training)
        image = self.head(ops.cast(features, "float32"))
        return image if image.shape[1:-1] == like.shape[1:-1] else resize_image(image, ops.shape(like)[1:-1])


def _images(inputs):
    """What is an image among the inputs."""
    return {name: inputs[name] for name in IMAGES if name in inputs}


def _joined(images):
    """Images by name as one batch."""
    return ops.concatenate(list(images.values()), axis=0) if len(images) > 1 else next(iter(images.values()))


def _parted(batch, names):
    """The batch's images by name."""
    return dict(zip(names, ops.split(batch, len(names), axis=0), strict=True)) if len(names) > 1 else {names[0]: batch}
