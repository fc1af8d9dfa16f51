import numpy as np
import pytest
from keras import ops

from tfregkit.ops.blocks import merge_blocks
from tfregkit.ops.seam import block_borders, seam_ratio

RNG = np.random.default_rng(2)


def ratio(field, borders):
    return ops.convert_to_numpy(seam_ratio(field, borders))


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 11)])
def test_is_the_mean_over_faces(shape):
    field = RNG.normal(size=(2, *shape, len(shape))).astype("float32")
    borders = [[3], [], [2, 9]][: len(shape)]
    for item, found in zip(field.astype(float), ratio(field, borders), strict=True):
        across, within = [], []
        for place in np.ndindex(*shape):
            for axis in range(len(shape)):
                face = place[axis] + 1
                if face < shape[axis]:
                    other = tuple(p + (k == axis) for k, p in enumerate(place))
                    (across if face in borders[axis] else within).append(np.linalg.norm(item[other] - item[place]))
        assert found == pytest.approx(np.mean(across) / np.mean(within), rel=1e-5)


def test_a_linear_field_has_no_seam_and_shifted_blocks_have_their_jump():
    places = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).astype("float32")
    field = 0.25 * places[None]
    borders = block_borders((8, 8, 8), 2)
    assert borders == [[4], [4], [4]]
    np.testing.assert_allclose(ratio(field, borders), 1)
    shifted = field.copy()
    shifted[:, 4:] += np.array([1.0, 0, 0], "float32")  # one of three borders jumps by 1.25 instead of 0.25
    np.testing.assert_allclose(ratio(shifted, borders), (1.25 + 0.25 + 0.25) / 0.75, rtol=1e-5)


def test_without_change_it_is_undefined_and_with_change_at_borders_alone_infinite():
    assert np.isnan(ratio(np.ones((1, 4, 4, 4, 3), "float32"), block_borders((4, 4, 4), 2)))
    blocks = RNG.normal(size=(8, 1, 1, 1, 3)).astype("float32") * np.ones((1, 2, 2, 2, 1), "float32")
    assert np.isposinf(ratio(merge_blocks(blocks, 2), block_borders((4, 4, 4), 2)))


def test_borders_of_blocks():
    assert block_borders((12, 7, 2), 3) == [[4, 8], [2, 5], [1]]
    assert block_borders((5, 1), 2) == [[3], []]


@pytest.mark.parametrize("borders", [[[], [], []], [[0], [], []], [[], [4], []]])
def test_borders_outside_the_field_are_refused(borders):
    with pytest.raises(ValueError, match="`borders` must name faces between voxels of the field"):
        seam_ratio(np.zeros((1, 4, 4, 4, 3), "float32"), borders)
