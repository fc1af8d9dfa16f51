"""Small scans on disk for the tests of the data side."""

from pathlib import Path

import nibabel as nib
import numpy as np

from tfregkit.data.base import Subject

SHAPE = (5, 7, 11)


def write_scan(path, *, shape=SHAPE, affine=None, seed=0, data=None):
    """A NIfTI file of random numbers (or of `data`)."""
    if data is None:
        data = np.random.default_rng(seed).uniform(10, 90, shape).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.eye(4) if affine is None else affine), path)
    return path


def write_labels(path, *, shape=SHAPE, affine=None, seed=0):
    """A label map with the values 0 to 3."""
    data = np.random.default_rng([seed, 1]).integers(0, 4, shape).astype(np.uint8)
    return write_scan(path, data=data, affine=affine)


def subject(name, folder="/nowhere", **kwargs):
    """A scan whose file need not exist."""
    return Subject(id=name, image=Path(folder) / f"{name}.nii.gz", **kwargs)
