"""A registration network whose encoder sees one image at a time."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from tfregkit.api import Decoder, Encoder, Stitcher
from tfregkit.ops.blocks import merge_blocks, split_blocks
from tfregkit_plugins.networks.field_network import FieldNetwork

ROLES = ("moving", "fixed")


class Siamese(FieldNetwork):
    """One encoder for both images, its maps side by side level by level, one decoder, and a convolution to the field.

    `z = conv(decoder([encoder(moving), encoder(fixed)]))`. With `steps: 0`, as published, z is the displacement, and
    with `bidirectional` the convolution gives two, `displacement` and `inverse`. With `steps` above 0 it is a
    stationary velocity: `displacement = exp(z) - id`, `inverse = exp(-z) - id`.

    The encoder's maps of the whole images are given as `features`, by role and level.

    With `patches: n` both images are cut into n blocks along each axis, which go through encoder and decoder as a
    batch; the fields of the blocks are put side by side, and the stitcher mends the seams. Sizes must then be multiples
    of n times the encoder's stride.

    Args:
        encoder: One image to a pyramid of features. Both go through it as one batch.
        decoder: Pyramid, with the channels of both images, to the features of which the field is made.
        patches: n, blocks along each axis; 1: the images are not cut.
        stitcher: What mends the seams between blocks, applied to each field; `null`: nothing. Left out where `patches`
            is 1.
        resolution: Where the field is integrated: `full` or `half`; it is resized before, unless the decoder ends
            there, and the displacement is resized back.
        steps: T of the integration; 0: none.
        method: `scaling_squaring` (2^T sub-steps) or `euler` (T sub-steps).
        bidirectional: Give `inverse` in training too, for objectives that look at both directions. With `steps: 0` it
            is predicted, a second field, and there is none otherwise.
        conditioning: How lambda is taken: `none` (not at all), `film`, or `cin` (with `block: cin` in encoder and
            decoder).
        probabilistic: Predict mean and log variance of the field, give them as `posterior`, and draw the field in
            training; the mean is taken at inference.

    Reference: Liu et al. 2020, CLMorph, section III, arXiv:2011.08894; Liu et al. 2022, PC-SwinMorph, section 3,
    arXiv:2203.05684.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        decoder: Decoder,
        patches: Annotated[int, Field(ge=1)] = 1,
        stitcher: Stitcher | None = None,
        resolution: Literal["full", "half"] = "full",
        steps: Annotated[int, Field(ge=0)] = 0,
        method: Literal["scaling_squaring", "euler"] = "scaling_squaring",
        bidirectional: bool = False,
        conditioning: Literal["none", "film", "cin"] = "none",
        probabilistic: bool = False,
    ) -> None:
        super().__init__(
            encoder=encoder,
            decoder=decoder,
            resolution=resolution,
            steps=steps,
            method=method,
            bidirectional=bidirectional,
            conditioning=conditioning,
            probabilistic=probabilistic,
        )
        self.patches = patches
        self.stitcher = stitcher

    @property
    def stride(self) -> int:
        cut = self.patches * self.encoder.stride
        if self.patches == 1 or self.stitcher is None:
            return cut
        doublings = self.decoder.doublings
        coarseness = 1 if doublings is None else self.encoder.stride // 2**doublings  # of the field that is stitched
        return math.lcm(cut, coarseness * self.stitcher.multiple(self.patches))

    def encode(self, inputs, training=None):
        self._check(inputs["moving"].shape)
        return self._maps(self._encoded(inputs, self._embedded(inputs), training))

    def _encoded(self, inputs, embedding, training):
        """The encoder's maps of both images' blocks, by level: of moving, then of fixed images."""
        images = ops.concatenate([self._cut(inputs[role]) for role in ROLES], axis=0)
        if embedding is not None:
            embedding = ops.concatenate([self._for_blocks(embedding, inputs)] * 2, axis=0)
        pyramid = self.encoder(images, embedding=embedding, training=training)
        return {level: ops.split(maps, 2, axis=0) for level, maps in pyramid.items()}

    def _decoded(self, inputs, embedding, training):
        pairs = self._encoded(inputs, embedding, training)
        joined = {level: ops.concatenate(pair, axis=-1) for level, pair in pairs.items()}
        if embedding is not None:
            embedding = self._for_blocks(embedding, inputs)
        features = self.decoder(joined, embedding=embedding, training=training)
        return features, {"features": self._maps(pairs)}

    def _maps(self, pairs):
        """The maps of the whole images, by role and level."""
        return {role: {level: self._assembled(pairs[level][i]) for level in pairs} for i, role in enumerate(ROLES)}

    def _cut(self, image):
        return split_blocks(image, self.patches) if self.patches > 1 else image

    def _for_blocks(self, embedding, inputs):
        """Each item's embedding for each of its blocks."""
        return ops.repeat(embedding, self.patches ** (len(inputs["moving"].shape) - 2), axis=0)

    def _assembled(self, field):
        return merge_blocks(field, self.patches) if self.patches > 1 else field

    def _stitched(self, field, training):
        if self.patches == 1 or self.stitcher is None:
            return field
        fields = ops.split(field, field.shape[-1] // (len(field.shape) - 2), axis=-1)
        stitched = self.stitcher(ops.concatenate(fields, axis=0), count=self.patches, training=training)
        return ops.concatenate(ops.split(stitched, len(fields), axis=0), axis=-1)
