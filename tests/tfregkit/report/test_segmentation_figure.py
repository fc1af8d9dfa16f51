"""The picture of a segmentation: where it cuts, what it colours, any order of the axes."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from references.cases import case

from tfregkit.report import segmentation_figure as module
from tfregkit.report.segmentation_figure import segmentation_figure

SHAPE = (13, 17, 11)


def labelled():
    """Dark ground with two labelled blocks, 7 and -3, of which the second was found one voxel too far."""
    rng = np.random.default_rng(1)
    truth = np.zeros(SHAPE, np.int32)
    truth[2:6, 5:12, 3:9], truth[8:11, 5:12, 3:9] = 7, -3
    found = truth.copy()
    found[8:12, 5:12, 3:9] = -3
    image = rng.uniform(0, 1, SHAPE).astype(np.float32)
    field = np.zeros((*SHAPE, 3), np.float32)
    return case(fixed=image, moving=image, moved=image, displacement=field, fixed_labels=truth, moved_labels=found,
                moving_labels=None, affine=np.diag([2.0, 1.5, 3.0, 1.0]))  # fmt: skip


def drawn(monkeypatch, pair, path, **options):
    """The slices that are shown, by column, of each row."""
    shown = []

    def recorded(ax, plane, volume, spacing, **style):
        shown.append((plane, volume, style))

    monkeypatch.setattr(module, "show", recorded)
    segmentation_figure(pair, path, **options)
    return shown


def test_each_map_is_drawn_over_the_image_and_differences_alone_in_the_last_column(monkeypatch, tmp_path):
    pair = labelled()
    shown = drawn(monkeypatch, pair, tmp_path / "a.png", planes=["coronal"])
    assert [style["cmap"] == "gray" for _, _, style in shown] == [True, True, False, True, False, True, False]
    truth, found, wrong = (shown[k][1] for k in (2, 4, 6))
    np.testing.assert_array_equal(
        truth.filled(-1), np.select([pair.fixed_labels == -3, pair.fixed_labels == 7], [0, 1], -1)
    )
    np.testing.assert_array_equal(found.mask, pair.moved_labels == 0)
    np.testing.assert_array_equal(~wrong.mask, pair.fixed_labels != pair.moved_labels)
    assert shown[0][0].index == 8  # through the middle of what is labelled


def test_a_whole_picture_in_any_order_of_the_axes_and_of_nothing_labelled(tmp_path):
    pair = labelled()
    flipped = {name: getattr(pair, name)[::-1] for name in ("fixed", "moving", "moved", "fixed_labels", "moved_labels")}
    turn = np.diag([-1.0, 1, 1, 1])
    turn[0, 3] = SHAPE[0] - 1
    other = replace(pair, **flipped, affine=pair.affine @ turn)
    first, second = (imread(segmentation_figure(p, tmp_path / f"{n}.png", caption="dice 0.9")) for n, p in
                     enumerate((pair, other)))  # fmt: skip
    np.testing.assert_array_equal(first, second)
    empty = np.zeros(SHAPE, np.int32)
    bare = segmentation_figure(replace(pair, fixed_labels=empty, moved_labels=empty), tmp_path / "bare.png")
    assert imread(bare).shape == first.shape
    with pytest.raises(ValueError, match="`planes` must name one or more of axial"):
        segmentation_figure(pair, tmp_path / "x.png", planes=["sagital"])


def test_the_line_below_says_which_colour_is_which(monkeypatch, tmp_path):
    figures = []
    monkeypatch.setattr(module, "heading", lambda figure, *_: figures.append(figure))
    segmentation_figure(labelled(), tmp_path / "a.png", planes=["axial"], names={7: "caudate"})
    (legend,) = figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["-3", "caudate"]
    drawn = figures[0].axes[1].images[1]
    for patch, value in zip(legend.get_patches(), (0, 1), strict=True):
        assert patch.get_facecolor() == drawn.cmap(drawn.norm(value))
