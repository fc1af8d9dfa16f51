"""Rows, their summary over pairs, the CSV files and the printed table."""

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from tfregkit.evaluation.table import Row, Summary, printed, read_rows, summarise, write_table
from tfregkit_plugins.metrics.dice import Dice
from tfregkit_plugins.metrics.dice30 import Dice30
from tfregkit_plugins.metrics.tre import TRE

METRICS = {"dice": Dice(), "dice30": Dice30(), "tre": TRE()}
BEFORE = [0.61, 0.58, 0.66, 0.60, math.nan]
AFTER = [0.71, 0.55, 0.78, 0.70, math.nan]


def rows(metric="dice", structure="", lam=None, direction="registration"):
    numbers = zip(BEFORE, AFTER, strict=True)
    return [Row(f"p{i}", lam, metric, structure, before, after, direction) for i, (before, after) in enumerate(numbers)]


def test_summary_leaves_out_pairs_without_value():
    (line,) = summarise(rows(), METRICS)
    assert (line.metric, line.structure, line.n, line.unit, line.better) == ("dice", "", 4, "", "higher")
    assert line.missing == 1
    assert line.before == pytest.approx(np.mean(BEFORE[:4]))
    assert line.after == pytest.approx(np.mean(AFTER[:4]))
    assert line.after_sd == pytest.approx(np.std(AFTER[:4], ddof=1))
    assert line.after_median == pytest.approx(0.705)
    assert line.p == pytest.approx(stats.wilcoxon(BEFORE[:4], AFTER[:4]).pvalue)


def test_pooled_metric_takes_the_place_of_the_mean():
    lines = summarise(rows("dice30"), METRICS)
    assert [(line.metric, line.n, line.missing) for line in lines] == [("dice30_mean", 4, 1), ("dice_p30", 4, 1)]
    assert lines[0].after == pytest.approx((0.55 + 0.70) / 2)  # ceil(0.3 * 4) = 2 lowest
    assert lines[0].before == pytest.approx((0.58 + 0.60) / 2)


def test_structures_lambdas_and_units_stay_apart():
    lines = summarise(rows() + rows(structure="left") + rows("tre", lam=0.5) + rows("seconds"), METRICS)
    keys = [(line.lam, line.metric, line.structure, line.unit) for line in lines]
    assert keys == [
        (None, "dice", "", ""),
        (None, "dice", "left", ""),
        (0.5, "tre", "", "mm"),
        (None, "seconds", "", "s"),
    ]


def test_directions_stay_apart_also_where_pairs_are_pooled():
    better = [replace(row, after=row.after + 0.1, direction="segmentation") for row in rows("dice30")]
    lines = summarise(rows() + rows("dice30") + better, METRICS)
    assert [(line.direction, line.metric, line.n) for line in lines] == [
        ("registration", "dice", 4),
        ("registration", "dice30_mean", 4),
        ("registration", "dice_p30", 4),
        ("segmentation", "dice30_mean", 4),
        ("segmentation", "dice_p30", 4),
    ]
    assert lines[3].after == pytest.approx(lines[1].after + 0.1)


def test_single_pair_and_no_value_at_all_are_defined():
    (single,) = summarise(rows()[:1], METRICS)
    assert (single.n, single.after, single.p) == (1, 0.71, 1.0)
    assert math.isnan(single.after_sd)
    (nothing,) = summarise(rows()[4:], METRICS)
    assert nothing.n == 0
    assert math.isnan(nothing.after)


def test_csv_files_round_trip_and_leave_undefined_cells_empty(tmp_path):
    path = tmp_path / "metrics.csv"
    written = rows() + rows(structure="left", lam=0.25, direction="segmentation")
    write_table(path, written, Row)
    with open(path, newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["pair", "lambda", "metric", "structure", "before", "after", "direction"]
    assert (lines[4]["after"], lines[0]["lambda"], lines[5]["lambda"]) == ("", "", "0.25")
    back = read_rows(path)
    assert [(r.pair, r.lam, r.structure, r.direction) for r in back] == [
        (r.pair, r.lam, r.structure, r.direction) for r in written
    ]
    np.testing.assert_allclose([r.after for r in back], [r.after for r in written])
    write_table(tmp_path / "summary.csv", summarise(back, METRICS), Summary)
    assert (tmp_path / "summary.csv").read_text().startswith("lambda,metric,structure,unit,better,n,before,after,")


def test_a_table_without_direction_is_registrations(tmp_path):
    (tmp_path / "old.csv").write_text("pair,lambda,metric,structure,before,after\np0,,dice,left,0.5,0.75\n")
    assert read_rows(tmp_path / "old.csv") == [Row("p0", None, "dice", "left", 0.5, 0.75, "registration")]


def text(lines, **options):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(printed(lines, **options))
    return console.export_text()


def test_printed_table_shows_before_after_and_structures():
    shown = text(summarise(rows() + rows(structure="left") + rows("tre"), METRICS))
    assert "0.6125" in shown
    assert "0.6850" in shown
    assert "4/5" in shown
    assert "left" in shown
    assert "tre (mm)" in shown
    assert "lambda" not in shown
    assert "direction" not in shown


def test_printed_table_of_a_segmentation_has_no_empty_columns():
    segmented = [Row(f"s{i}", None, "dice", "", math.nan, value) for i, value in enumerate((0.7, 0.9))]
    header, line = text(summarise(segmented, METRICS)).strip().splitlines()
    assert header.split() == ["metric", "value", "sd", "n"]
    assert line.split() == ["dice", "0.8000", "0.1414", "2"]


def test_printed_table_names_the_direction_when_there_are_two():
    shown = text(summarise(rows() + rows(direction="segmentation"), METRICS))
    assert [line.split()[0] for line in shown.splitlines()] == ["direction", "registration", "segmentation"]


def test_printed_table_names_lambda_when_several_and_hides_long_lists_of_structures():
    many = [row for lam in (0.1, 0.9) for s in "abc" for row in rows(structure=s, lam=lam)]
    lines = summarise(rows(lam=0.1) + rows(lam=0.9) + many, METRICS)
    shown = text(lines, structures=2)
    assert "lambda" in shown
    assert "0.9000" in shown
    assert len(shown.strip().splitlines()) == 3
