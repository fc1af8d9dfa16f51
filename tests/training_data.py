"""A small data set on disk and a configuration that trains on it in seconds."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

SHAPE = (11, 13, 17)
SUBJECTS = ("anna", "bert", "cleo", "dina", "emil")


def write_subjects(folder: Path) -> None:
    """Shifted ellipsoids with a core of another intensity; labels 1 (shell) and 2 (core)."""
    points = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    for number, subject in enumerate(SUBJECTS):
        rng = np.random.default_rng(number)
        centre = (np.array(SHAPE) - 1) / 2 + rng.uniform(-1, 1, 3)
        radius = np.sqrt((((points - centre) / (3.5, 4.5, 5.5)) ** 2).sum(-1))
        labels = ((radius < 1).astype("int16") + (radius < 0.5)).astype("int16")
        image = 60.0 * labels + rng.normal(0, 3, SHAPE)
        nib.save(nib.Nifti1Image(image.astype("float32"), np.eye(4)), folder / f"{subject}_image.nii.gz")
        nib.save(nib.Nifti1Image(labels, np.eye(4)), folder / f"{subject}_labels.nii.gz")


def small_experiment(folder: Path) -> dict:
    """Two levels, a few channels, no integration, MSE and diffusion; 6 steps of 2 pairs, one validation pair."""
    return {
        "seed": 5,
        "stages": [
            {
                "name": "registration",
                "data": {
                    "dataset": {
                        "name": "nifti",
                        "images": str(folder / "{subject}_image.nii.gz"),
                        "labels": str(folder / "{subject}_labels.nii.gz"),
                        "validation": ["dina", "emil"],
                        "max_validation_pairs": 1,
                    },
                    "cache": str(folder / "cache"),
                },
                "model": {"name": "voxelmorph", "encoder_filters": [3, 5], "decoder_filters": [5, 5, 3], "steps": 0},
                "objective": {
                    "terms": {
                        "likeness": {"similarity": {"name": "mse"}},
                        "smoothness": {"regularizer": {"name": "diffusion"}, "weight": 0.1},
                    }
                },
                "trainer": {
                    "steps": 6,
                    "batch_size": 2,
                    "learning_rate": 0.01,
                    "validate_every": 3,
                    "checkpoint_every": 2,
                },
            }
        ],
    }
