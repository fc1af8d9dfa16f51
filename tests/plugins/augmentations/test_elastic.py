import numpy as np
import pytest
from augmented import SHAPE, check_augmentation, check_probability, volumes

from tfregkit_plugins.augmentations.elastic import Elastic


def displacement(elastic, seed):
    """What the deformation does to coordinates: `(3, X, Y, Z)`; the edges repeat, so only the middle counts."""
    found = []
    for index in np.meshgrid(*(np.arange(n, dtype=np.float32) for n in SHAPE), indexing="ij"):
        found.append(elastic({"image": index}, np.random.default_rng(seed))["image"] - index)
    return np.stack(found)


def test_contract():
    check_augmentation(Elastic(displacement=1.0, smoothness=4.0))
    check_probability(Elastic)


def test_size_and_smoothness():
    elastic = Elastic(displacement=0.9, smoothness=6.0)
    fields = np.stack([displacement(elastic, seed)[:, 3:-3, 3:-3, 3:-3] for seed in range(40)])
    assert np.sqrt((fields**2).sum(axis=1).mean()) == pytest.approx(0.9, rel=0.1)
    steps = np.abs(np.diff(fields, axis=3)).mean()
    assert steps < 0.35 * np.abs(fields).mean()
    assert np.abs(fields.mean(axis=0)).max() < 0.5


def test_labels_are_taken_from_the_nearest_voxel():
    source = {
        "image": np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE),
        "labels": np.arange(np.prod(SHAPE)).reshape(SHAPE),
    }
    elastic = Elastic(displacement=1.5, smoothness=5.0)
    labels = np.array(np.unravel_index(elastic(source, np.random.default_rng(1))["labels"], SHAPE))
    places = displacement(elastic, 1) + np.indices(SHAPE)  # clipped to the edges, as the labels are
    assert np.abs(labels - places).max() <= 0.5 + 1e-3


def test_image_and_labels_move_together():
    source = volumes()
    image = {"image": (source["labels"] > 0).astype(np.float32), "labels": source["labels"]}
    moved = Elastic(displacement=2.0, smoothness=6.0)(image, np.random.default_rng(5))
    assert ((moved["image"] > 0.5) != (moved["labels"] > 0)).mean() < 0.02
    assert ((source["labels"] > 0) != (moved["labels"] > 0)).mean() > 0.01
