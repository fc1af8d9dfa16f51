"""Components made for the tests of the configuration: every shape of parameter there is."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

import tfregkit
from tfregkit.api import DataError, Dataset, Network, Similarity
from tfregkit.config.settings import PathPattern


class Plain(Similarity):
    """A similarity.

    Args:
        window: Its size
            in voxels.
    """

    def __init__(
        self,
        *,
        window: Annotated[int, Field(gt=0)] = 9,
        kernel: Literal["box", "gaussian"] = "box",
        eps: float = 1e-5,
        sharp: bool = False,
        mode: float | Literal["auto"] | None = None,
    ) -> None:
        super().__init__()
        if window % 2 == 0:
            raise ValueError(f"`window` must be odd. Received: window={window}")
        self.window, self.kernel, self.eps, self.sharp, self.mode = window, kernel, eps, sharp, mode


class Nested(Network):
    """A network made of other components."""

    def __init__(
        self,
        *,
        loss: Similarity,
        more: list[Similarity] = [],  # noqa: B006 (a default that nobody changes)
        by_name: dict[str, Similarity] | None = None,
        fallback: Similarity | None = None,
        sizes: tuple[float, float] = (1.0, 2.0),
    ) -> None:
        super().__init__()
        self.loss, self.more, self.by_name, self.fallback, self.sizes = loss, more, by_name, fallback, sizes


class Files(Dataset):
    """A data set that is not there."""

    def __init__(
        self,
        *,
        table: Path,
        images: PathPattern | list[PathPattern] = "*.nii",
        atlas: Path | Literal["mni"] | None = None,
        label: str = "x",
    ) -> None:
        self.table, self.images, self.atlas, self.label = table, images, atlas, label
        if not table.exists():
            raise DataError(f"{table}: no such table")


class Buggy(Similarity):
    """A similarity whose constructor fails."""

    def __init__(self, *, size: int = 1) -> None:
        super().__init__()
        self.size = size / (size - 1)


@tfregkit.hookimpl
def register_components(registry):
    registry.similarity("plain", Plain)
    registry.similarity("buggy", Buggy)
    registry.network("nested", Nested)
    registry.dataset("files", Files)
