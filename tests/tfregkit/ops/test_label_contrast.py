import numpy as np
import pytest
from backends import gradients
from keras import ops
from references import mixcl

from tfregkit.ops.label_contrast import label_contrast, label_relation

REDUCTIONS = ("global", "anchor_in", "supcon_out")
FIRST = np.array([[0, 1, 2, 2, -1, 0, 3], [0, 0, 4, 4, 4, 4, -1], [-1] * 7], "int32")
SECOND = np.array([[2, 0, 1, -1, 5], [4, 4, 4, 4, -1], [1, 1, 0, 2, 2]], "int32")
"""Three items: several classes; one structure and, in one image, background; an image without labels."""


def vectors(count, size=3, seed=0, items=3):
    return np.random.default_rng(seed).normal(size=(items, count, size)).astype("float32")


def loss(*arguments, **options):
    return [ops.convert_to_numpy(x) for x in label_contrast(*arguments, **options)]


def tensors(*arrays):
    return [ops.convert_to_tensor(array) for array in arrays]


def test_relation_agrees_with_figure_2():
    positive, considered = (ops.convert_to_numpy(x) for x in label_relation(*tensors(FIRST, SECOND)))
    for item in range(3):
        expected = mixcl.relation(FIRST[item], SECOND[item])
        np.testing.assert_array_equal(positive[item], expected == 1)
        np.testing.assert_array_equal(considered[item], np.not_equal(expected, None))
    assert positive[0].sum() == 3
    assert positive[1].sum() == 16
    assert not considered[2].any()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_agrees_with_equation_6(reduction, temperature):
    x, y = 3 * vectors(7), 0.1 * vectors(5, seed=1)
    found, positives = loss(*tensors(x, y, FIRST, SECOND), temperature, reduction)
    expected = [mixcl.label_loss(*item, temperature, reduction) for item in zip(x, y, FIRST, SECOND, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)
    np.testing.assert_array_equal(positives, [True, True, False])
    assert found[0] > 0.1
    assert (found[1] > 0) == (reduction == "global")


def one_item(first, second, first_classes, second_classes, **options):
    arrays = [np.asarray(rows, "float32")[None] for rows in (first, second)]
    numbers = [np.asarray(classes, "int32")[None] for classes in (first_classes, second_classes)]
    found, positives = loss(*tensors(*arrays, *numbers), **{"temperature": 0.1, **options})
    return float(found[0]), bool(positives[0])


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_equal_embeddings(reduction):
    """P = 2 * 2 + 2 * 1 positive pairs of 5 * 4 less the one of background; each anchor has those of its class."""
    classes = ([1, 1, 2, 0, 2], [1, 1, 2, 0])
    positive = 2 * 2 + 2 * 1
    value, _ = one_item(np.ones((5, 3)), np.ones((4, 3)), *classes, reduction=reduction)
    expected = {
        "global": np.log((5 * 4 - 1) / positive),
        "anchor_in": (2 * np.log(4 / 2) + 2 * np.log(4 / 1)) / 4,
        "supcon_out": np.log(4),
    }
    assert value == pytest.approx(expected[reduction], rel=1e-5)


def test_separated_classes_give_about_0():
    """Opposite vectors for two classes: exp(-10) against exp(10). SupCon's form keeps the log of its positives."""
    ends, classes = np.array([[1.0, 0], [-1, 0]]), [1, 2]
    x, numbers = np.repeat(ends, 3, axis=0), np.repeat(classes, 3)
    for reduction, expected in (("global", 0), ("anchor_in", 0), ("supcon_out", np.log(3))):
        assert one_item(x, x, numbers, numbers, reduction=reduction)[0] == pytest.approx(expected, abs=1e-6)
    mixed = one_item(x, x, numbers, numbers[::-1])[0]
    assert mixed == pytest.approx(20, rel=1e-4)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("first", "second", "positives"),
    [([0, 1, 1], [0, 2], False), ([0, 0, 0], [0, 0], False), ([-1, -1, -1], [1, 1], False), ([1, 1, 1], [1, 1], True)],
    ids=["no positives", "background alone", "no labels", "no negatives"],
)
def test_nothing_to_tell_apart_is_0_without_a_slope(reduction, first, second, positives):
    x, y = vectors(3, items=1), vectors(2, items=1, seed=1)
    assert one_item(x[0], y[0], first, second, reduction=reduction) == (0, positives)
    numbers = tensors(*(np.array([classes], "int32") for classes in (first, second)))
    slopes = gradients(lambda a, b: ops.sum(label_contrast(a, b, *numbers, 0.1, reduction)[0]), x, y)
    for slope in slopes:
        np.testing.assert_array_equal(slope, 0)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_size_of_the_vectors_and_the_order_of_voxels_do_not_matter(reduction):
    x, y = vectors(7), vectors(5, seed=1)
    expected, _ = loss(*tensors(x, y, FIRST, SECOND), 0.1, reduction)
    order, other = [6, 2, 0, 1, 4, 3, 5], [3, 1, 0, 4, 2]
    again, _ = loss(*tensors(5 * x[:, order], y[:, other], FIRST[:, order], SECOND[:, other]), 0.1, reduction)
    np.testing.assert_allclose(again, expected, rtol=1e-4)


def test_stable_in_float32_at_a_low_temperature_and_for_half_precision():
    x, y = vectors(7), vectors(5, seed=1)
    half = [ops.cast(rows, "bfloat16") for rows in (x, y)]
    rounded = [ops.convert_to_numpy(ops.cast(rows, "float32")) for rows in half]
    found, _ = loss(*half, *tensors(FIRST, SECOND), 0.005)
    assert found.dtype == np.float32
    expected = [mixcl.label_loss(*item, 0.005) for item in zip(*rounded, FIRST, SECOND, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    numbers = tensors(FIRST, SECOND)
    (slope,) = gradients(lambda a: ops.sum(label_contrast(a, ops.convert_to_tensor(y), *numbers, 0.005)[0]), x)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradient_agrees_with_differences_of_the_definition(reduction):
    x, y, h = vectors(7), vectors(5, seed=1), 1e-5
    given = tensors(y, FIRST, SECOND)
    (slope,) = gradients(lambda a: ops.sum(label_contrast(a, *given, 0.5, reduction)[0]), x)
    for place in [(0, 1, 0), (0, 2, 1), (0, 5, 2), (0, 6, 1), (1, 1, 0), (1, 3, 2)]:
        sides = []
        for sign in (1, -1):
            moved = x.astype(float)
            moved[place] += sign * h
            item = place[0]
            sides.append(mixcl.label_loss(moved[item], y[item], FIRST[item], SECOND[item], 0.5, reduction))
        assert slope[place] == pytest.approx((sides[0] - sides[1]) / (2 * h), rel=2e-3, abs=1e-5)
    np.testing.assert_array_equal(slope[0, 4], 0)
