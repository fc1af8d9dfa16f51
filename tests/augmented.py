"""What every augmentation is tested with."""

import numpy as np

SHAPE = (11, 13, 17)


def volumes(seed=0):
    """An asymmetric scan with its label map and mask; read-only, as those of the cache."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    image = (0.5 + 0.3 * np.sin(3 * places[0] + 2 * places[1]) * np.cos(2 * places[2] + 1)).astype(np.float32)
    found = {
        "image": image,
        "labels": (places[0] + 2 * places[1] > 0.3).astype(np.uint8) * rng.integers(1, 3, dtype=np.uint8) * 100,
        "mask": (places[2] > -0.5).astype(np.float32),
    }
    for array in found.values():
        array.setflags(write=False)
    return found


def applied(augmentation, seed=0, **kwargs):
    return augmentation(kwargs.get("volumes") or volumes(), np.random.default_rng(seed))


def check_augmentation(augmentation):
    """The contract: pure, same shapes and types, labels stay labels, the random numbers matter, nothing is needed but
    the image.
    """
    source = volumes()
    one, again, other = (augmentation(source, np.random.default_rng(seed)) for seed in (3, 3, 4))
    for kind, array in source.items():
        assert one[kind].shape == SHAPE
        assert one[kind].dtype == array.dtype
        assert np.isfinite(one[kind]).all()
        np.testing.assert_array_equal(one[kind], again[kind])
    assert (one["image"] != other["image"]).any()
    assert set(np.unique(one["labels"])) <= set(np.unique(source["labels"]))
    assert set(augmentation({"image": source["image"]}, np.random.default_rng(0))) == {"image"}


def check_probability(make):
    """`probability: 0` changes nothing."""
    source = volumes()
    for kind, array in make(probability=0.0)(source, np.random.default_rng(0)).items():
        np.testing.assert_array_equal(array, source[kind])


def check_stays(augmentation):
    """A constant scan, label map and mask stay as they are."""
    constant = {**volumes(), "image": np.full((3, 5, 7), 2.0, np.float32)}
    changed = augmentation(constant, np.random.default_rng(0))
    np.testing.assert_array_equal(changed["image"], 2.0)
    assert changed["labels"] is constant["labels"]
    assert changed["mask"] is constant["mask"]


def skull_stripped():
    """A scan whose background is exactly its minimum, which is not 0."""
    image = volumes()["image"] + 1.0
    image[:4], image[:, :, 12:] = 1.15, 1.15
    return image
