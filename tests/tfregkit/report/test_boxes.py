"""The box plots: every structure of every run, in colours that are told, in as many rows as it takes."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from tfregkit.evaluation.matching import Matched
from tfregkit.report import boxes
from tfregkit.report.boxes import box_figure

PAIRS = ["a", "b", "c", "d", "e"]


@pytest.fixture
def figures(monkeypatch):
    """The figures that are written, to look into."""
    written, original = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: written.append(self) or original(self, *a, **k))
    return written


def matched(runs, structures, metric="dice"):
    rng = np.random.default_rng(0)
    return Matched(metric, PAIRS, {run: {name: rng.uniform(0, 1, 5) for name in ("", *structures)} for run in runs})


def medians(axes):
    """The heights of the median lines, in the order they were drawn."""
    return [
        line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1 and line.get_linewidth() == 1.4
    ]


def test_a_box_for_each_structure_and_run(tmp_path, figures):
    data = matched(["ncc", "mi"], ["left", "right"])
    path = box_figure(data, tmp_path / "out" / "dice.png", unit="mm")
    assert imread(path).ndim == 3
    (axes,) = figures[0].axes
    expected = [np.median(values[name]) for values in data.values.values() for name in ("", "left", "right")]
    assert medians(axes) == pytest.approx(expected)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["all", "left", "right"]
    assert axes.get_title() == "dice (mm), n = 5"
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["ncc", "mi"]
    colours = {patch.get_edgecolor() for patch in axes.patches}
    assert len(colours) == 2


def test_undefined_values_are_left_out_and_counted(tmp_path, figures):
    data = matched(["ncc", "mi"], ["left"])
    for values in data.values.values():
        values["left"][:2] = math.nan
    box_figure(data, tmp_path / "x.png")
    (axes,) = figures[0].axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["all", "left (3)"]
    assert medians(axes)[1] == pytest.approx(np.median(data.values["ncc"]["left"][2:]))


def test_a_structure_without_any_value_and_a_single_run(tmp_path, figures):
    data = matched(["only"], ["left"])
    data.values["only"]["left"][:] = math.nan
    box_figure(data, tmp_path / "x.png")
    assert [tick.get_text() for tick in figures[0].axes[0].get_xticklabels()] == ["all", "left (0)"]
    assert not figures[0].legends


def test_a_metric_without_structures_has_one_box_a_run(tmp_path, figures):
    box_figure(matched(["a", "b", "c"], [], "folds"), tmp_path / "x.png")
    (axes,) = figures[0].axes
    assert len(medians(axes)) == 3
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [""]


def test_many_structures_are_laid_out_in_rows_of_one_scale(tmp_path, figures, monkeypatch):
    monkeypatch.setattr(boxes, "BOXES", 12)
    data = matched(["a", "b", "c"], [str(label) for label in range(10)])
    box_figure(data, tmp_path / "x.png")
    rows = [[tick.get_text() for tick in axes.get_xticklabels()] for axes in figures[0].axes]
    assert sum(rows, []) == ["all", *map(str, range(10))]
    assert len(rows) == 3
    assert max(map(len, rows)) * 3 <= 12
    assert len({axes.get_ylim() for axes in figures[0].axes}) == 1
    assert len({axes.get_xlim() for axes in figures[0].axes}) == 1
