"""Checks of an augmentation: see `tfregkit.api.Augmentation` for the contract they spell out."""

from __future__ import annotations

import numpy as np

from tfregkit.api import Augmentation
from tfregkit.testing.common import follows_the_rules, image

SHAPE = (11, 13, 17)
DRAWS = 5


def volumes() -> dict[str, np.ndarray]:
    """One scan with labels and mask, read-only as the loader gives it."""
    scan = image(SHAPE, batch=1)[0, ..., 0]
    found = {
        "image": scan,
        "labels": np.digitize(scan, (0.3, 0.6)).astype("int32"),
        "mask": (scan > 0.3).astype("float32"),
    }
    for values in found.values():
        values.setflags(write=False)
    return found


def keeps_names_shapes_and_types(augmentation: Augmentation) -> None:
    before = volumes()
    for seed in range(DRAWS):
        after = augmentation(dict(before), np.random.default_rng(seed))
        assert set(after) == set(before), f"expected {sorted(before)}. Received: {sorted(after)}"
        for name, values in after.items():
            assert values.shape == SHAPE, f"`{name}` must keep its shape {SHAPE}. Received: {values.shape}"
            assert values.dtype == before[name].dtype, f"`{name}` must stay {before[name].dtype}: {values.dtype}"
        assert np.all(np.isfinite(after["image"])), "the image is not finite"


def labels_stay_labels(augmentation: Augmentation) -> None:
    """No new label appears, and the mask stays in [0, 1]."""
    before = volumes()
    for seed in range(DRAWS):
        after = augmentation(dict(before), np.random.default_rng(seed))
        new = set(np.unique(after["labels"])) - set(np.unique(before["labels"])) - {0}
        assert not new, f"labels {sorted(new)} were not there before: interpolate labels by nearest neighbour"
        assert after["mask"].min() >= 0, "the mask left [0, 1]"
        assert after["mask"].max() <= 1, "the mask left [0, 1]"


def moves_voxels_only_if_it_says_so(augmentation: Augmentation) -> None:
    """Without `geometric` label map and mask come back as they are."""
    before = volumes()
    for seed in range(0 if augmentation.geometric else DRAWS):
        after = augmentation(dict(before), np.random.default_rng(seed))
        for name in ("labels", "mask"):
            np.testing.assert_array_equal(after[name], before[name], err_msg=f"`{name}` moved: set `geometric = True`")


def all_randomness_comes_from_rng(augmentation: Augmentation) -> None:
    """The same generator state gives the same result, and the inputs stay as they were."""
    before = volumes()
    kept = {name: values.copy() for name, values in before.items()}
    one, two = (augmentation(dict(before), np.random.default_rng(7)) for _ in range(2))
    for name in kept:
        np.testing.assert_array_equal(one[name], two[name], err_msg=f"`{name}` differs for equal generators")
        np.testing.assert_array_equal(before[name], kept[name], err_msg=f"the given `{name}` was changed")


def works_without_labels(augmentation: Augmentation) -> None:
    after = augmentation({"image": volumes()["image"]}, np.random.default_rng(0))
    assert set(after) == {"image"}, f"expected `image` alone. Received: {sorted(after)}"


CHECKS = [
    follows_the_rules,
    keeps_names_shapes_and_types,
    labels_stay_labels,
    moves_voxels_only_if_it_says_so,
    all_randomness_comes_from_rng,
    works_without_labels,
]
