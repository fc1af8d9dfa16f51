"""Means and tests of several runs, by hand, and their tables."""

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluated_runs import rows
from rich.console import Console
from scipy import stats

from tfregkit.errors import ConfigError, DataError
from tfregkit.evaluation.compared import Compared
from tfregkit.evaluation.comparison import compare, known_metrics
from tfregkit.evaluation.comparison_table import latex, printed_differences, printed_values

A = np.array([0.70, 0.60, 0.80, 0.55, 0.65, 0.74, 0.77])
B = A + [0.02, 0.06, 0.03, 0.05, 0.04, 0.01, 0.07]
C = A + [0.05, 0.03, 0.06, 0.04, -0.01, 0.02, -0.07]


def run(label, dice, **more):
    lines = rows("dice", {"left": dice}) + rows("dice30", {"": dice}) + rows("folds", {"": 1 - np.asarray(dice)})
    lines += rows("seconds", {"": dice})
    for metric, values in more.items():
        lines += rows(metric, {"": values})
    return Compared(label, Path(f"{label}.csv"), lines)


def three():
    return [run("a", A), run("b", B), run("c", C)]


def text(table):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_means_of_each_run_metric_and_structure():
    found = compare(three())
    lines = {(line.metric, line.structure, line.run): line for line in found.lines}
    assert list(dict.fromkeys(key[0] for key in lines)) == ["dice", "dice30_mean", "dice_p30", "folds"]
    line = lines["dice", "left", "b"]
    assert (line.n, line.missing, line.better, line.unit) == (7, 0, "higher", "")
    assert (line.mean, line.sd, line.median) == pytest.approx((B.mean(), B.std(ddof=1), np.median(B)))
    assert lines["dice30_mean", "", "c"].mean == pytest.approx(np.sort(C)[:3].mean())  # pooled: ceil(0.3 * 7) lowest
    assert (lines["folds", "", "a"].unit, lines["folds", "", "a"].better) == ("%", "lower")
    assert [matched.metric for matched in found.matched] == ["dice", "folds"]


def test_all_pairs_of_runs_are_tested_and_corrected():
    found = [line for line in compare(three(), ["dice"]).differences]
    assert [(line.test, line.first, line.second) for line in found] == [
        ("friedman", "", ""),
        ("wilcoxon", "a", "b"),
        ("wilcoxon", "a", "c"),
        ("wilcoxon", "b", "c"),
    ]
    assert found[0].statistic == pytest.approx(stats.friedmanchisquare(A, B, C).statistic)
    one = found[1]  # all seven better: 2 of 2^7
    assert (one.n, one.difference, one.statistic) == (7, pytest.approx(0.04), 0.0)
    assert (one.p, one.p_bonferroni) == pytest.approx((2 / 128, 6 / 128))
    for line, first, second in ((found[2], A, C), (found[3], B, C)):
        p = stats.wilcoxon(first, second).pvalue
        assert line.p == pytest.approx(p)
        assert line.p_bonferroni == pytest.approx(min(1, 3 * p))
        assert line.difference == pytest.approx((second - first).mean())


def test_a_reference_is_compared_with_the_others_alone():
    found = [line for line in compare(three(), ["dice"], reference="b").differences if line.test == "wilcoxon"]
    assert [(line.first, line.second) for line in found] == [("b", "a"), ("b", "c")]
    assert found[0].p_bonferroni == pytest.approx(2 * 2 / 128)


def test_two_runs_need_no_friedman_and_one_no_test():
    assert [line.test for line in compare(three()[:2], ["dice"]).differences] == ["wilcoxon"]
    alone = compare(three()[:1])
    assert (alone.differences, len(alone.matched)) == ([], 2)


def test_equal_runs_do_not_differ_and_none_is_best():
    found = compare([run("a", A), run("b", A), run("c", A)], ["dice"])
    assert [line.p for line in found.differences] == [1.0] * 4
    assert "textbf" not in latex(found)


def test_a_run_that_is_shown_alone_is_neither_tested_nor_best():
    runs = [run("before", A - 1.0), *three()]
    found = compare(runs, ["folds", "dice"], untested=["before"])
    assert not any("before" in (line.first, line.second) for line in found.differences)
    assert len(found.differences) == 8
    assert "\\textbf{1." not in latex(found)
    with pytest.raises(ConfigError, match="the reference `before` is none of the runs"):
        compare(runs, untested=["before"], reference="before")


def test_what_is_undefined_before_registration_stays_in_the_runs():
    """A seam, or the labels of a run that segments, of which there are none before."""
    nothing = np.full(len(A), np.nan)
    before = Compared("before", Path("b.csv"), rows("dice", {"left": nothing}) + rows("seam", {"": nothing}))
    after = [run("a", A, seam=2 * A), run("b", B, seam=2 * B)]
    found = compare([before, *after], ["dice", "seam"], untested=["before"])
    alone = compare(after, ["dice", "seam"])
    assert [line for line in found.lines if line.run != "before"] == alone.lines
    assert found.differences == alone.differences
    assert found.notes == alone.notes
    assert {(line.n, line.missing) for line in found.lines if line.run == "before"} == {(0, 7)}
    assert [row.split()[-1] for row in text(printed_values(found)).splitlines()[1:]] == ["7", "7"]


def test_few_pairs_are_told():
    few = [Compared(one.label, one.path, [row for row in one.rows if row.pair < "c"]) for one in three()]
    (note,) = compare(few, ["dice"]).notes
    assert note == (
        "dice: with 4 pairs the smallest exact p is 0.125, 0.375 after correction for 3 comparisons: no difference can "
        "reach 0.05"
    )
    six = [Compared(one.label, one.path, [row for row in one.rows if row.pair < "d"]) for one in three()]
    assert "0.0938 after correction" in compare(six, ["dice"]).notes[0]
    assert compare(six[:2], ["dice"]).notes == []
    assert compare(three(), ["dice"]).notes == []


def test_notes_that_several_metrics_share_are_one():
    short = [row for row in run("b", B).rows if row.pair != "d_to_a"]
    notes = compare([run("a", A), Compared("b", Path("b.csv"), short)]).notes
    assert notes == ["dice, dice30, folds: 1 of 7 pairs are not in every run and are left out: d_to_a"]


def test_metrics_that_are_not_in_all_runs():
    runs = [run("a", A, tre=A), run("b", B)]
    found = compare(runs)
    assert {line.metric for line in found.lines} == {"dice", "dice30_mean", "dice_p30", "folds"}
    assert found.notes == ["tre: left out, for it is not in b"]
    with pytest.raises(DataError, match=r"b.csv: has no metric `tre`. It has: dice, dice30, folds, seconds"):
        compare(runs, ["tre"])
    with pytest.raises(DataError, match="a.csv: has no metric `dise`. Did you mean `dice`"):
        compare(runs, ["dise"])
    with pytest.raises(DataError, match=r"no metric in common.\ntre: left out, for it is not in y\ndice: left"):
        compare([Compared("x", Path("x"), rows("tre", {"": A})), Compared("y", Path("y"), rows("dice", {"": A}))])
    with pytest.raises(ConfigError, match="the reference `aa` is none of the runs. Did you mean `a`"):
        compare(runs, reference="aa")


def test_metrics_that_were_not_measured_alike():
    central, forward = ({"name": "folds", "scheme": scheme} for scheme in ("central", "forward"))
    a, b, c = three()
    unlike = [replace(a, conventions={"folds": central}), replace(b, conventions={"folds": forward}), c]
    found = compare(unlike)
    assert {line.metric for line in found.lines} == {"dice", "dice30_mean", "dice_p30"}
    differs = "not measured alike: scheme central in a, scheme forward in b"
    assert found.notes == [f"folds: left out, for it was {differs}"]
    with pytest.raises(DataError, match=f"folds: was {differs}. Evaluate the runs with the same `evaluation` section."):
        compare(unlike, ["folds"])
    alike = [replace(one, conventions={"folds": central}) for one in (a, b)]
    found = compare([*alike, c], ["dice", "folds"])  # what another program measured is unknown
    assert (found.notes, found.conventions) == ([], {"folds": central})
    assert {line.metric for line in found.lines} == {"dice", "folds"}


def test_metrics_that_are_not_installed_have_no_better_and_no_best():
    found = compare([run("a", A, acme_score=A), run("b", B, acme_score=B)], ["acme_score"])
    assert {line.better for line in found.lines} == {""}
    assert "textbf{" not in latex(found).replace("acme", "")
    assert [line.p for line in found.differences] == pytest.approx([2 / 128])


def test_second_metrics_of_a_name_are_known_by_the_first():
    assert {name: type(metric).__name__ for name, metric in known_metrics(["dice_2", "hd95", "nothing"]).items()} == {
        "dice_2": "Dice",
        "hd95": "HD95",
    }


def test_seconds_are_compared_when_asked_for():
    found = compare(three(), ["seconds"])
    assert {(line.unit, line.better) for line in found.lines} == {("s", "lower")}


def test_printed_tables():
    found = compare([run("[a]", A), run("b", [math.nan, *B[1:]])])
    shown = text(printed_values(found))
    assert "[a]" in shown
    assert "dice ↑" in shown
    assert "folds (%) ↓" in shown
    assert f"{B[1:].mean():.4f} ± {B[1:].std(ddof=1):.4f}" in shown
    assert "6/7" in shown
    shown = text(printed_differences(found.differences))
    assert "[a] → b" in shown
    assert "Wilcoxon" in shown
    assert "0.031" in shown  # six pairs


def test_latex():
    written = latex(compare([run("a_1", A), run("b", B)], ["dice", "folds"], reference="a_1"))
    rows = [line for line in written.splitlines() if line.startswith("dice")]
    means = [f"{x.mean():.4f} $\\pm$ {x.std(ddof=1):.4f}" for x in (A, B)]
    assert rows == [f"dice $\\uparrow$ & {means[0]} & \\textbf{{{means[1]}}}$^*$ \\\\"]
    assert " & a\\_1 & b \\\\" in written
    assert "* differs from a\\_1" in written
    assert "folds (\\%) $\\downarrow$" in written
    assert f"left & {means[0]} & \\textbf{{{means[1]}}} \\\\" in written
    for name in ("table", "tabular"):
        assert written.count(f"\\begin{{{name}}}") == written.count(f"\\end{{{name}}}") == 2
    without = latex(compare([run("a_1", A), run("b", B)], ["dice"]))
    assert "*" not in without.replace("Mean", "")
