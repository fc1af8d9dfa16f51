"""Contracts of the data side: subjects, pairs, data sets and augmentations. No Keras here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tfregkit.data.source import Source


@dataclass(frozen=True)
class Subject:
    """One scan: an image and what belongs to it. Paths are absolute.

    `subject` is the person; two scans of one person share it, so that splits and pairs can tell. `id` is unique.
    `source` is said where several data sets are mixed.
    """

    id: str
    image: Path
    subject: str = ""
    modality: str = ""
    labels: Path | None = None
    mask: Path | None = None
    points: Path | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        if not self.subject:
            object.__setattr__(self, "subject", self.id)


@dataclass(frozen=True)
class Pair:
    """A moving and a fixed scan; a scan that is alone is both."""

    moving: Subject
    fixed: Subject

    @property
    def id(self) -> str:
        return self.fixed.id if self.single else f"{self.moving.id}_to_{self.fixed.id}"

    @property
    def single(self) -> bool:
        """Whether it is one scan alone."""
        return self.moving == self.fixed


@dataclass(frozen=True)
class Split:
    """The pairs of each use. Training pairs may be many: they are drawn from, never all cached as pairs.

    `about` is what should be said of them before training, a line or several.
    """

    train: Sequence[Pair] = field(default_factory=list)
    validation: Sequence[Pair] = field(default_factory=list)
    test: Sequence[Pair] = field(default_factory=list)
    about: str = ""


class Dataset:
    """Where subjects come from. A plugin implements `split`; files are checked when read, existence at once.

    Constructors follow the rule of all components: keyword-only, annotated. Paths in a configuration are relative to
    the configuration's folder: the builder has made every parameter annotated `Path` absolute before the constructor
    sees it.
    """

    def split(self, seed: int) -> Split:
        """The pairs, as a pure function of the parameters and the seed.

        Raises:
            DataError: When a glob is empty, a listed file is missing, or a subject is in two splits.
        """
        raise NotImplementedError


class Augmentation:
    """A random change of one scan, applied to image, labels and mask alike, on the loader's threads (NumPy, SciPy)."""

    together: bool = False
    """Whether both scans of a pair get the same random numbers (to flip one of them alone would be no registration)."""

    geometric: bool = False
    """Whether voxels move. If not, label map and mask come back as they are, and it may distort views."""

    def __call__(self, volumes: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
        """`volumes` maps `image` (float32), `labels` (integers), `mask` (float32) to `(X, Y, Z)`; labels stay labels.

        Must be a pure function of its arguments: all randomness comes from `rng`; the arrays are read-only, so new ones
        of the same shape are returned.
        """
        raise NotImplementedError
