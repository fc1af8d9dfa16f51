"""The picture: which side is where, what the grid and the error show, and that it is a whole PNG."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from references.cases import case, smooth

from tfregkit.evaluation.canonical import canonical
from tfregkit.report import figure
from tfregkit.report.figure import registration_figure
from tfregkit.report.planes import PLANES, centre_of_bright
from tfregkit.report.residual import residual
from tfregkit.report.stretch import log2_volume_change

SHAPE = (13, 17, 11)


def bright_case():
    """A bright block on dark ground with a smooth warp, on R, A, S axes."""
    rng = np.random.default_rng(7)
    image = np.zeros(SHAPE, np.float32)
    image[4:10, 5:14, 3:9] = 1.0
    images = {name: image + 0.05 * smooth(rng, SHAPE) for name in ("fixed", "moving", "moved")}
    field = np.stack([smooth(rng, SHAPE, 3.0, 1.0) for _ in range(3)], -1)
    labels = dict.fromkeys(("fixed_labels", "moving_labels", "moved_labels"))
    return case(**images, **labels, displacement=field, affine=np.diag([2.0, 1.5, 3.0, 1.0]))


def test_planes_show_the_named_sides_where_the_letters_say():
    """A marker far to the right, front or top lies at the picture's right or upper edge."""
    for plane in PLANES.values():
        cut = replace(plane, index=0)
        for axis, far in ((cut.axes[0], (0, -1)), (cut.axes[1], (-1, 0))):
            volume = np.zeros((5, 7, 11))
            place = [0, 0, 0]
            place[axis] = -1  # R, A or S end of the axis
            volume[tuple(place)] = 1.0
            assert cut.image(volume)[far] == 1.0  # rows go up (origin="lower"), columns to the right
    assert [plane.sides[1::2] for plane in PLANES.values()] == [("R", "A"), ("R", "S"), ("A", "S")]


def test_vectors_are_the_components_within_the_plane():
    field = np.arange(5 * 7 * 11 * 3, dtype=float).reshape(5, 7, 11, 3)
    cut = replace(PLANES["coronal"], index=4)
    np.testing.assert_array_equal(cut.vectors(field)[2, 6], field[2, 4, 6, [0, 2]])


def test_centre_is_that_of_the_bright_part():
    image = np.zeros((9, 11, 13))
    image[6, 2, 9] = 5.0
    assert centre_of_bright(image) == (6, 2, 9)
    assert centre_of_bright(np.ones((9, 11, 13))) == (4, 5, 6)


def test_residual_of_one_contrast_is_the_difference_and_of_a_remapped_contrast_is_small():
    rng = np.random.default_rng(0)
    fixed = rng.uniform(0, 1, (9, 10, 11))
    after, before = residual(fixed, fixed, 1.0 - fixed)
    assert after.max() < 0.04
    np.testing.assert_allclose(before, np.abs(fixed - (1.0 - fixed)), atol=0.06)
    (other,) = residual(fixed, np.cos(2 * fixed))  # a falling, curved contrast
    assert other.mean() < 0.02
    (constant,) = residual(fixed, np.ones_like(fixed))
    np.testing.assert_allclose(constant, np.abs(fixed - fixed.mean()), rtol=1e-5)


def test_volume_change_of_a_scaling_and_of_a_fold():
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    np.testing.assert_allclose(log2_volume_change(index * (2 ** (1 / 3) - 1)), 1.0, atol=1e-5)
    np.testing.assert_array_equal(log2_volume_change(index * np.array([-2.0, 0, 0])), -4.0)


def test_picture_is_the_same_for_any_order_and_direction_of_the_axes(tmp_path):
    pair = bright_case()
    # voxel of the turned array -> voxel of the original: axes S, R, A, the first two backwards
    turn = np.array([[0.0, -1, 0, SHAPE[0] - 1], [0, 0, 1, 0], [-1, 0, 0, SHAPE[2] - 1], [0, 0, 0, 1]])
    images = {n: getattr(pair, n).transpose(2, 0, 1)[::-1, ::-1, :] for n in ("fixed", "moving", "moved")}
    field = pair.displacement.transpose(2, 0, 1, 3)[::-1, ::-1, :]
    field = np.stack([-field[..., 2], -field[..., 0], field[..., 1]], -1)
    other = replace(pair, **images, displacement=field, affine=pair.affine @ turn)
    np.testing.assert_allclose(canonical(other).displacement, pair.displacement)
    first = imread(registration_figure(pair, tmp_path / "a.png", caption="Dice 0.61 → 0.70"))
    second = imread(registration_figure(other, tmp_path / "b.png", caption="Dice 0.61 → 0.70"))
    np.testing.assert_array_equal(first, second)


def test_single_plane_and_a_constant_image(tmp_path):
    pair = bright_case()
    constant = np.ones(SHAPE, np.float32)
    still = replace(pair, fixed=constant, moved=constant, moving=constant)
    wide = imread(registration_figure(pair, tmp_path / "one.png", planes=["axial"]))
    tall = imread(registration_figure(still, tmp_path / "three.png"))
    assert wide.shape[0] < tall.shape[0] < 3.5 * wide.shape[0]
    assert wide.shape[1] == tall.shape[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.png", "three.png"]


def test_grid_lines_are_drawn_where_the_points_are_taken_from():
    from matplotlib.figure import Figure

    field = np.zeros((40, 40, 40, 3), np.float32)
    field[..., 0], field[..., 1] = 3.0, -2.0
    panels = figure._Panels((field[..., 0],) * 3, field[..., 0], (field[..., 0],) * 2, field, np.ones(3))
    ax = Figure().add_subplot()
    figure._grid(ax, replace(PLANES["axial"], index=20), panels)
    lines = ax.collections[0].get_segments()
    assert lines[0][0].tolist() == [lines[0][-1][0], -2.0]
    assert lines[0][0][0] % 1 == 0
    assert lines[0][0][0] >= 3.0


@pytest.mark.parametrize("names", [("diagonal",), ()])
def test_unknown_or_no_plane_is_refused(tmp_path, names):
    with pytest.raises(ValueError, match="`planes` must name one or more of axial, coronal, sagittal"):
        registration_figure(bright_case(), tmp_path / "x.png", planes=names)


def test_warp_is_drawn_without_the_affine_start():
    """T = A(p + u(p)) with a far-away A is drawn as u: what registration added."""
    pair = bright_case()
    initial = np.array([[0.9, 0.2, 0.0, 80.0], [-0.2, 1.1, 0.1, -120.0], [0.0, -0.1, 1.05, 40.0], [0, 0, 0, 1.0]])
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    to_moving = np.linalg.inv(pair.affine) @ initial @ pair.affine
    total = (index + pair.displacement) @ to_moving[:3, :3].T + to_moving[:3, 3] - index
    drawn = figure._panels(replace(pair, displacement=total, initial=initial))
    np.testing.assert_allclose(drawn.field, pair.displacement, atol=1e-4)
    np.testing.assert_allclose(drawn.stretch, log2_volume_change(pair.displacement), atol=1e-3)
