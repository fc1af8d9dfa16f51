import numpy as np
import pytest
from references import mixcl
from scipy.stats import chi2

from tfregkit.ops.class_points import boundary_distance, boundary_weights, draw_class_points


def label_map(seed=0, shape=(11, 13, 7)):
    """A box of 1, a box of 3 up to the image's border, a slab of -1, background."""
    labels = np.zeros(shape, np.int64)
    labels[2:8, 3:11, 1:6] = 1
    labels[7:, :5, 2:] = 3
    labels[:, -1] = -1
    return labels


def drawn(maps, seed=0, **options):
    return draw_class_points(maps, **{"budget": 5, "classes": 4, "rng": np.random.default_rng(seed), **options})


def test_known_weights():
    found = boundary_weights(np.array([0, 1, 4, 8, 32, np.inf]))
    np.testing.assert_allclose(found, [0.05, 0.4912, 0.65653, 0.5703, 0.1018, 0.05], atol=6e-5)
    fine = np.linspace(0, 40, 4001)
    assert fine[boundary_weights(fine).argmax()] == pytest.approx(4)  # mu / 2
    np.testing.assert_allclose(boundary_weights(fine, 3.0, 0.2), mixcl.weights(fine, 3.0, 0.2))


@pytest.mark.parametrize("number", [0, 1, 3])
def test_distances_agree_with_looking_at_every_voxel(number):
    mask = label_map() == number
    np.testing.assert_allclose(boundary_distance(mask), mixcl.distances(mask), rtol=1e-12)


def test_a_mask_without_an_outside_has_no_boundary():
    assert np.isinf(boundary_distance(np.ones((3, 5), bool))).all()


def test_frequencies_are_proportional_to_the_weights():
    """Chi-square over the voxels of a class: the only voxel of many draws, and its weight by brute force."""
    labels, draws, rng = np.where(label_map() == 1, 1, 0), 3000, np.random.default_rng(3)
    mask = labels == 1
    counts = np.zeros(labels.shape)
    for _ in range(draws // 2):
        for points, classes in drawn([labels, labels], budget=1, classes=2, rng=rng, mu=1.0):
            counts[tuple(points[classes == 1][0])] += 1
    assert counts[~mask].sum() == 0
    expected = mixcl.weights(mixcl.distances(mask)[mask], 1.0, 0.05)
    expected *= draws / expected.sum()
    statistic = ((counts[mask] - expected) ** 2 / expected).sum()
    low, high = chi2.ppf([1e-4, 1 - 1e-4], mask.sum() - 1)
    assert low < statistic < high
    even = np.full(mask.sum(), draws / mask.sum())
    assert ((counts[mask] - even) ** 2 / even).sum() > high  # the test can tell


def test_up_to_the_budget_of_each_class_without_replacement():
    labels = label_map()
    labels[0, 0, :3] = 9  # three voxels
    for points, classes in drawn([labels, labels], budget=6, classes=5):
        assert points.dtype == classes.dtype == np.int32
        assert points.shape == (30, 3)
        assert classes.shape == (30,)
        np.testing.assert_array_equal(np.unique(classes, return_counts=True), [[-1, 0, 1, 3, 9], [9, 6, 6, 6, 3]])
        used = classes >= 0
        np.testing.assert_array_equal(labels[tuple(points[used].T)], classes[used])
        assert len(np.unique(points[used], axis=0)) == used.sum()
        assert not points[~used].any()
        assert used[:21].all()


def test_structures_in_both_images_come_first():
    """Of four structures two are shared: with room for the background and two, always these."""
    first, second = np.zeros((2, 5, 8), int)
    first[:, 0], first[:, 1], first[:, 2] = 1, 2, 3
    second[:, 0], second[:, 1], second[:, 2] = 2, 3, 4
    for seed in range(5):
        found = drawn([first, second], seed, classes=3)
        assert [set(classes.tolist()) - {-1} for _, classes in found] == [{0, 2, 3}] * 2
    both = drawn([first.astype(np.uint8), second.astype(np.uint8)], classes=5)
    assert [set(classes.tolist()) - {-1} for _, classes in both] == [{0, 1, 2, 3}, {0, 2, 3, 4}]


@pytest.mark.parametrize("other", [0, -1, 2])
def test_nothing_is_drawn_without_a_structure_in_common(other):
    first, second = label_map(), np.full((5, 7, 3), other)
    for points, classes in drawn([first, second]):
        assert not points.any()
        assert (classes == -1).all()


def test_one_seed_one_draw():
    maps = [label_map(), label_map()[::-1]]
    one, again, other = (drawn(maps, seed) for seed in (1, 1, 2))
    for (points, classes), (same, numbers) in zip(one, again, strict=True):
        np.testing.assert_array_equal(points, same)
        np.testing.assert_array_equal(classes, numbers)
    assert any((a[0] != b[0]).any() for a, b in zip(one, other, strict=True))
