"""The curves of a sweep: every run in every panel, the choice ringed, the limit drawn."""

from types import SimpleNamespace

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from tfregkit.evaluation.sweep import Sweep
from tfregkit.evaluation.sweep_table import SweepRow, choose
from tfregkit.report.curves import COLOURS, sweep_figure, training_dice


def line(lam, dice, folds=0.0, run="x"):
    return SweepRow(run, lam, 3, 0.5, dice, 0.01, dice - 0.1, folds, 0.1, 0.2)


def sweep(folder, label, rows, metrics=None):
    if metrics is not None:
        (folder / label).mkdir()
        pd.DataFrame(metrics).to_csv(folder / label / "metrics.csv", index=False)
    run = SimpleNamespace(stage_path=lambda index: folder / label, resolved={"stages": [{}]})
    return Sweep(run, label, choose(rows, 0.5))


@pytest.fixture
def figures(monkeypatch):
    """The figures that are written, to look into."""
    written, original = [], Figure.savefig

    def savefig(self, *arguments, **options):
        written.append(self)
        return original(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return written


def test_every_run_is_a_curve_in_every_panel(tmp_path, figures):
    rows = [line(0.5, 0.7), line(0.0, 0.8, 4.0), line(1.0, 0.6)]
    training = {"step": [10, 20, 30], "loss": [1.0, 0.9, 0.8], "val_dice": [0.4, None, 0.6]}
    sweeps = [sweep(tmp_path, "mi", rows, training), sweep(tmp_path, "mcr", rows[:2], {"step": [10], "loss": [1.0]})]
    path = sweep_figure(sweeps, tmp_path / "out" / "sweep.png")
    assert imread(path).ndim == 3
    dice, folds, _, over_steps = figures[0].axes
    curves = [axes for axes in dice.lines if axes.get_label() in ("mi", "mcr")]
    assert [list(curve.get_xdata()) for curve in curves] == [[0.0, 0.5, 1.0], [0.0, 0.5]]  # in the order of lambda
    assert list(curves[0].get_ydata()) == [0.8, 0.7, 0.6]
    assert len({curve.get_color() for curve in curves}) == 2
    rings = [(ring.get_xdata()[0], ring.get_ydata()[0]) for ring in dice.lines if len(ring.get_xdata()) == 1]
    assert rings == [(0.5, 0.7), (0.5, 0.7)]  # lambda 0 has too many folds
    assert any(set(limit.get_ydata()) == {0.5} for limit in folds.lines)
    assert list(over_steps.lines[0].get_xdata()) == [10, 30]
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["mi", "mcr"]


def test_more_runs_than_colours_are_still_told_apart(tmp_path, figures):
    sweeps = [sweep(tmp_path, f"run{i}", [line(0.0, 0.5 + 0.01 * i), line(1.0, 0.4)]) for i in range(11)]
    sweep_figure(sweeps, tmp_path / "sweep.png")
    curves = [axes for axes in figures[0].axes[0].lines if axes.get_label().startswith("run")]
    assert len({(curve.get_color(), curve.get_linestyle()) for curve in curves}) == 11 > len(COLOURS)


def test_without_validation_the_panel_says_so(tmp_path, figures):
    nothing = sweep(tmp_path, "x", [line(0.0, 0.5)])
    assert training_dice(nothing) == ([], [])
    sweep_figure([nothing], tmp_path / "sweep.png")
    assert "no validation Dice" in figures[0].axes[3].texts[0].get_text()


def test_the_rule():
    rows = [line(0.0, 0.9, 0.5), line(0.1, 0.8, 0.49), line(0.2, 0.8, 0.1), line(0.3, 0.7), line(0.4, float("nan"))]
    assert [row.lam for row in choose(rows, 0.5) if row.chosen] == [0.2]  # below, not at; of equals the larger
    assert [row.lam for row in choose(rows, 0.51) if row.chosen] == [0.0]
    assert not any(row.chosen for row in choose(rows[:1], 0.5))
    assert not any(row.chosen for row in choose(rows[4:], 0.5))
