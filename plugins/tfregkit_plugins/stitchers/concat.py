"""No stitching."""

from __future__ import annotations

from typing import Any

from tfregkit.api import Stitcher


class Concat(Stitcher):
    """The blocks side by side, as they are: the first row of PC-SwinMorph's figure 2, with its seams."""

    def __init__(self) -> None:
        super().__init__()

    def call(self, field: Any, count: int, training: bool | None = None) -> Any:
        return field
