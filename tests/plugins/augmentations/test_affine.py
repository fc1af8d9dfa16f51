import numpy as np
import pytest
from augmented import SHAPE, check_augmentation, check_probability, volumes
from scipy import ndimage

from tfregkit_plugins.augmentations.affine import Affine


def ramp(slopes):
    return {
        "image": sum(s * x for s, x in zip(slopes, np.ogrid[tuple(slice(n) for n in SHAPE)], strict=True)).astype(
            np.float32
        )
    }


def test_contract():
    check_augmentation(Affine(rotation=10, scale=0.1, shear=0.1, translation=2))
    check_probability(Affine)


def test_nothing_asked_for_nothing_done():
    still = Affine(rotation=0, scale=0, shear=0, translation=0)
    for kind, array in still(volumes(), np.random.default_rng(0)).items():
        np.testing.assert_allclose(array, volumes()[kind], atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_ramp_shows_a_matrix_within_its_limits_about_the_centre(seed):
    affine = Affine(rotation=8, scale=0.0, translation=0)
    inner = (slice(3, -3),) * 3
    rows = []
    for axis in range(3):
        image = affine(ramp(np.eye(3)[axis]), np.random.default_rng(seed))["image"]
        assert image[5, 6, 8] == pytest.approx((SHAPE[axis] - 1) / 2, abs=1e-4)
        rows.append([g[inner].mean() for g in np.gradient(image.astype(np.float64))])
    matrix = np.array(rows)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-4)  # a rotation
    assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-4)
    assert 0 < np.degrees(np.arccos((np.trace(matrix) - 1) / 2)) < 8 * np.sqrt(3) + 0.1


def test_scale_shear_and_translation_stay_within_their_limits():
    affine, rng = Affine(rotation=0, scale=0.2, shear=0.1, translation=3), np.random.default_rng(0)
    matrices = np.stack([affine._matrix(rng) for _ in range(300)])
    scales = np.diagonal(matrices, axis1=1, axis2=2)
    assert 0.8 <= scales.min() < 0.82
    assert 1.18 < scales.max() <= 1.2
    assert np.abs(matrices[:, [0, 0, 1], [1, 2, 2]]).max() <= 0.1 * 1.2
    assert not matrices[:, [1, 2, 2], [0, 0, 1]].any()
    shifts = [
        Affine(rotation=0, scale=0, translation=3)(ramp((1, 0, 0)), np.random.default_rng(s))["image"][5, 0, 0] - 5
        for s in range(99)
    ]
    assert -3 <= min(shifts) < -2.5 < 2.5 < max(shifts) <= 3


def test_image_labels_and_mask_move_together():
    source = volumes()
    image = {"image": (source["labels"] > 0).astype(np.float32), "labels": source["labels"], "mask": source["mask"]}
    moved = Affine(rotation=15, translation=2)(image, np.random.default_rng(5))
    apart = (moved["image"] > 0.5) != (moved["labels"] > 0)
    assert apart.mean() < 0.01
    assert ((source["labels"] > 0) != (moved["labels"] > 0)).mean() > 0.03
    assert ndimage.label(moved["mask"] > 0.5)[1] == 1
