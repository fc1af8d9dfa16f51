"""Contract of networks that code one image at a time."""

from __future__ import annotations

from typing import Any

from tfregkit.models.base import Network


class ImageCoder(Network):
    """A network that turns an image into feature maps and back, the same way for every image.

    What is done to maps between the two, such as fusing those of two images, is not its business. A subclass implements
    the two methods, and a `call` that gives `reconstructions` by role, so that the strategy `reconstruction` trains it.
    """

    def encode_image(self, image: Any) -> Any:
        """An image `(B, X, Y[, Z], 1)` to maps `(B, X, Y[, Z], F)` of the same sizes."""
        raise NotImplementedError(f"{type(self).__name__} must define `encode_image`")

    def decode_image(self, maps: Any) -> Any:
        """Maps to an image `(B, X, Y[, Z], 1)`, float32."""
        raise NotImplementedError(f"{type(self).__name__} must define `decode_image`")
