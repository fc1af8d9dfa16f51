"""A configuration that learns to segment the subjects of `training_data` in seconds."""

from __future__ import annotations

from pathlib import Path

STRUCTURES = {"shell": 1, "core": 2}


def segmentation_experiment(folder: Path) -> dict:
    """Two levels, a few channels, soft Dice and cross-entropy; single scans of anna, bert and cleo; dina validates."""
    return {
        "seed": 3,
        "stages": [
            {
                "name": "segmentation",
                "data": {
                    "dataset": {
                        "name": "nifti",
                        "images": str(folder / "{subject}_image.nii.gz"),
                        "labels": str(folder / "{subject}_labels.nii.gz"),
                        "pairing": "single",
                        "validation": ["dina"],
                        "test": ["emil"],
                    },
                    "augmentations": [{"name": "affine"}],
                    "cache": str(folder / "cache"),
                },
                "model": {
                    "name": "segmentation",
                    "labels": STRUCTURES,
                    "encoder": {"name": "unet", "filters": [4, 6]},
                    "decoder": {"name": "unet", "filters": [6], "final": [6]},
                },
                "objective": {
                    "terms": {
                        "dice": {"similarity": {"name": "soft_dice"}},
                        "entropy": {"similarity": {"name": "cross_entropy"}},
                    }
                },
                "strategy": "segmentation",
                "trainer": {"steps": 30, "learning_rate": 0.03, "validate_every": 15, "checkpoint_every": 15},
            }
        ],
        "evaluation": {"metrics": ["dice", "hd95", "assd"]},
    }
