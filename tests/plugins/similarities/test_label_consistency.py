"""MixCL's label loss. The contrast itself: `tests/tfregkit/ops/test_label_contrast.py`."""

import keras
import numpy as np
import pytest
from features import IMAGE
from keras import ops
from references import mixcl

import tfregkit
from tfregkit.api import Samples
from tfregkit.errors import ConfigError

IMAGES = np.repeat(IMAGE, 3, axis=0)
RNG = np.random.default_rng(2)
EMBEDDINGS = {role: RNG.normal(size=(3, 5, 4)).astype("float32") for role in ("fixed", "moving")}
CLASSES = {
    "fixed": np.array([[0, 1, 2, 2, -1], [1, 1, 0, 3, 0], [-1] * 5], "int32"),
    "moving": np.array([[1, 1, 2, 0, 0], [4, 4, 2, 0, 0], [1, 2, 3, 0, 0]], "int32"),
}
"""Only the first item has a structure in both images."""


def value(classes, **options):
    term = tfregkit.build("similarity", "label_consistency", **options)
    samples = {
        role: Samples(ops.convert_to_tensor(rows), ops.convert_to_tensor(classes[role]))
        for role, rows in EMBEDDINGS.items()
    }
    found = term(IMAGES, IMAGES, samples=samples, roles=("fixed", "moving"))
    return keras.tree.map_structure(ops.convert_to_numpy, found)


def expected(item, classes, reduction="global", temperature=0.1):
    sides = [part[role][item] for part in (EMBEDDINGS, classes) for role in ("fixed", "moving")]
    return mixcl.label_loss(*sides, temperature, reduction)


@pytest.mark.parametrize("reduction", ["global", "anchor_in", "supcon_out"])
def test_the_mean_is_that_of_the_items_with_positives(reduction):
    values, seen = value(CLASSES, reduction=reduction)
    np.testing.assert_allclose(values, [3 * expected(0, CLASSES, reduction), 0, 0], rtol=1e-4)
    assert values.mean() == pytest.approx(expected(0, CLASSES, reduction), rel=1e-4)
    assert seen["positives"] == pytest.approx(1 / 3)
    assert values.dtype == np.float32


def test_where_all_have_positives_each_has_its_own_value():
    classes = {role: np.repeat(numbers[:1], 3, axis=0) for role, numbers in CLASSES.items()}
    values, seen = value(classes, temperature=0.5)
    np.testing.assert_allclose(values, [expected(i, classes, temperature=0.5) for i in range(3)], rtol=1e-4)
    assert seen["positives"] == 1


def test_without_labels_it_is_0():
    values, seen = value({role: np.full((3, 5), -1, "int32") for role in CLASSES})
    np.testing.assert_array_equal(values, 0)
    assert seen["positives"] == 0


def test_it_says_where_the_voxels_come_from():
    term = tfregkit.build("similarity", "label_consistency")
    with pytest.raises(ConfigError, match="looks at voxels that are drawn by their labels.*`mixcl`"):
        term(IMAGES, IMAGES)
