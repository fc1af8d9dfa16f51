"""Batches of small scans: settings with no data set, an augmentation that leaves a trace, `open_data` on a list."""

from __future__ import annotations

import numpy as np

from tfregkit.data.base import Augmentation, Dataset
from tfregkit.data.opening import open_data
from tfregkit.data.settings import DataSettings, GridSettings, NormalisationSettings
from tfregkit.data.splits import make_split


def bare_settings():
    """Intensities as stored, on the scans' own grid."""
    none = NormalisationSettings(mode="none")
    return DataSettings.model_construct(
        grid=GridSettings(), normalisation=none, moving_normalisation=None, fixed_normalisation=None, workers=2
    )


class Add(Augmentation):
    """Adds a random number: image and label map show which stream of numbers they got."""

    def __init__(self, *, together: bool = False) -> None:
        self.together = together

    def __call__(self, volumes, rng):
        return {**volumes, "image": volumes["image"] + np.float32(rng.uniform(10, 20))}


class Listed(Dataset):
    """Scans s0 and s1 validate, s4 and s5 test."""

    def __init__(self, scans):
        self.scans = scans

    def split(self, seed):
        return make_split(self.scans, seed, source="listed", validation=["s0", "s1"], test=["s4", "s5"])


class Given:
    """A section that builds what it was given."""

    def __init__(self, component):
        self.build = lambda: component


def opened(subjects, tmp_path, settings, **kwargs):
    """`open_data` on these scans."""
    values = {**settings.__dict__, "dataset": Given(Listed(subjects)), "augmentations": [Given(Add())], "cache": None}
    settings = DataSettings.model_construct(**values)
    return open_data(settings, seed=1, batch_size=2, cache_dir=tmp_path / "cache", **kwargs)
