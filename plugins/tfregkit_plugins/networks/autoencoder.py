"""Autoencoders whose features later stages look at."""

from __future__ import annotations

from typing import Annotated, Literal

import keras
from pydantic import Field

from tfregkit.api import ConfigError, Network
from tfregkit_plugins.networks.autoencoder_branch import AutoencoderBranch


class Autoencoder(Network):
    """One convolutional autoencoder per image role, each trained to give its image back; ContraReg's A1 and A2.

    Blocks of convolution, instance normalisation and LeakyReLU: the first three halve the image, three more double it
    again, and a last convolution gives the image. The feature maps are those of the first six blocks.

    Call arguments: `inputs` `{"moving": (B, X, Y[, Z], C), "fixed": ...}`. Returns `{"reconstructions": {role: (B, X,
    Y[, Z], C)}, "features": {role: {"conv1": (B, x, y[, z], filters[0]), ...}}}` for the roles in `images`.

    Args:
        images: The roles that have an autoencoder: `moving`, `fixed`, or both. A later stage gets, for a role that is
            not among them, the features of the only one there is.
        filters: Channels of each block, and so of each feature map but those of the blocks after the last doubling.
        levels: How many times the image is halved and doubled again.
        up_order: `conv_up`: a block convolves, then its result is doubled; `up_conv`: doubled first. The paper does not
            say; the former is its first author's habit.
        taps: What a feature map is: the `convolution`'s output, as the paper says, or the `activation`'s.
        slope: Negative slope of the LeakyReLU.

    Reference: Dey et al. 2022, section 4, doi:10.1007/978-3-031-16446-0_7.
    """

    gives = ("reconstructions", "features")

    def __init__(
        self,
        *,
        images: Annotated[list[Literal["moving", "fixed"]], Field(min_length=1, max_length=2)] = ("moving", "fixed"),
        filters: Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=2)] = (32, 64, 128, 64, 32, 32, 32),
        levels: Annotated[int, Field(ge=1)] = 3,
        up_order: Literal["conv_up", "up_conv"] = "conv_up",
        taps: Literal["convolution", "activation"] = "convolution",
        slope: Annotated[float, Field(gt=0, le=1)] = 0.2,
    ) -> None:
        super().__init__()
        least = 2 * levels + (up_order == "conv_up")
        if len(filters) < least:
            raise ValueError(
                f"`filters` needs at least {least} entries to halve and double {levels} times with `up_order: "
                f"{up_order}`. Received: filters={list(filters)}"
            )
        if len(set(images)) < len(images):
            raise ValueError(f"`images` names a role twice. Received: images={list(images)}")
        self.images = list(images)
        self.filters = list(filters)
        self.levels = levels
        self.up_order = up_order
        self.taps = taps
        self.slope = slope
        options = {"levels": levels, "up_order": up_order, "taps": taps, "slope": slope}
        self.branches = {role: AutoencoderBranch(self.filters, name=role, **options) for role in self.images}

    @property
    def stride(self) -> int:
        return 2**self.levels

    def build(self, inputs_shape):
        for role, branch in self.branches.items():
            branch.build(inputs_shape[role])

    def call(self, inputs, training=None):
        reconstructions, features = {}, {}
        for role, branch in self.branches.items():
            features[role], last = branch.encode(inputs[role])
            reconstructions[role] = branch.decode(last)
        return {"reconstructions": reconstructions, "features": features}

    def extractor(self, role: str) -> keras.layers.Layer:
        if role not in self.branches and len(self.branches) > 1:
            raise ConfigError(f"the autoencoder has no features of {role} images. It has: {', '.join(self.branches)}.")
        return self.branches.get(role, next(iter(self.branches.values())))
