"""Several runs on the same pairs: what each reaches, and which differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from tfregkit.errors import ConfigError, DataError
from tfregkit.evaluation.base import Metric
from tfregkit.evaluation.compared import Compared
from tfregkit.evaluation.conventions import Conventions, disagreement
from tfregkit.evaluation.matching import Matched, match
from tfregkit.evaluation.statistics import bonferroni, friedman, smallest_p, wilcoxon
from tfregkit.evaluation.table import SECONDS, Row, Summary, summarise
from tfregkit.wording import did_you_mean, one_of


@dataclass(frozen=True)
class Line:
    """One line of `compare.csv`: a run over the `n` pairs in which the value is defined; in `missing` more it is not.

    `structure` is empty for the pair as a whole, `better` where the metric is not installed.
    """

    metric: str
    structure: str
    run: str
    unit: str
    better: str
    n: int
    mean: float
    sd: float
    median: float
    missing: int


@dataclass(frozen=True)
class Difference:
    """One line of `tests.csv`, over `n` pairs: Friedman's test of all runs, or Wilcoxon's of two.

    `difference` is the mean of the second run minus the first; `p_bonferroni` is p times the number of comparisons of
    the metric.
    """

    metric: str
    test: str
    first: str
    second: str
    n: int
    difference: float
    statistic: float
    p: float
    p_bonferroni: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Everything that was found. `matched` holds the values of metrics that have one for each pair, for plots.

    Runs in `untested` are shown, and are neither tested nor called best. `conventions` holds the parameters of metrics,
    in which the runs agree, where they are known.
    """

    runs: list[str]
    reference: str | None = None
    untested: Sequence[str] = ()
    lines: list[Line] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    matched: list[Matched] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    conventions: Conventions = field(default_factory=dict)


def compare(
    runs: Sequence[Compared],
    metrics: Sequence[str] = (),
    *,
    reference: str | None = None,
    untested: Sequence[str] = (),
) -> Comparison:
    """Bring the runs' values together and test them.

    Args:
        runs: One or more; tests need two.
        metrics: Names; by default all that every run has and has measured alike, but for `seconds`.
        reference: The label of the run that the others are compared with; by default all pairs of runs are compared.
        untested: Labels of runs that are shown and not tested.

    Raises:
        ConfigError: When there is no such reference.
        DataError: When a run lacks a metric or has measured it in another way, or the runs have nothing in common.
    """
    labels = [run.label for run in runs]
    tested = [label for label in labels if label not in untested]
    if reference is not None and reference not in tested:
        raise ConfigError(
            f"the reference `{reference}` is none of the runs.{did_you_mean(reference, tested)} Runs: {one_of(tested)}"
        )
    notes: dict[str, list[str]] = {}  # by text: the metrics it concerns
    names = list(dict.fromkeys(metrics)) or _shared(runs, notes)
    for name in names:
        _check(runs, name)
    known, result = known_metrics(names), Comparison(labels, reference, untested)
    for name in names:
        if measured := {key: value for run in runs for key, value in run.conventions.get(name, {}).items()}:
            result.conventions[name] = measured
        matched = match(runs, name, untested)
        lines = list(_lines(matched, known))
        result.lines.extend(lines)
        for note in matched.notes:
            notes.setdefault(note, []).append(name)
        if {line.metric for line in lines} != {name}:  # pooled over the pairs: one number a run
            continue
        result.matched.append(matched)
        found = list(_differences(matched, tested, reference))
        result.differences.extend(found)
        for note in _limits(found):
            notes.setdefault(note, []).append(name)
    result.notes.extend(f"{', '.join(which)}: {note}" for note, which in notes.items())
    return result


def known_metrics(names: Sequence[str]) -> dict[str, Metric]:
    """The metrics behind the names of rows; `name_2`, a second one of its kind, is `name`. Others are left out."""
    from tfregkit import build

    found = {}
    for name in names:
        for kind in (name, re.sub(r"_\d+$", "", name)):
            try:
                found[name] = build("metric", kind)
                break
            except ConfigError:  # not installed here, or it cannot be built without parameters
                continue
    return found


def _shared(runs: Sequence[Compared], notes: dict[str, list[str]]) -> list[str]:
    """The metrics that every run has, measured alike."""
    every = dict.fromkeys(name for run in runs for name in run.metrics if name != SECONDS)
    shared = []
    for name in every:
        if lacking := [run.label for run in runs if name not in run.metrics]:
            notes.setdefault(f"left out, for it is not in {', '.join(lacking)}", []).append(name)
        elif differs := _disagreement(runs, name):
            notes.setdefault(f"left out, for it was not measured alike: {differs}", []).append(name)
        else:
            shared.append(name)
    if not shared:
        reasons = "".join(f"\n{', '.join(which)}: {note}" for note, which in notes.items())
        raise DataError(f"the runs have no metric in common.{reasons}")
    return shared


def _disagreement(runs: Sequence[Compared], name: str) -> str:
    """In what the runs measured a metric differently, where it is known."""
    return disagreement({run.label: run.conventions[name] for run in runs if name in run.conventions})


def _check(runs: Sequence[Compared], name: str) -> None:
    for run in runs:
        if name not in run.metrics:
            raise DataError(
                f"{run.path}: has no metric `{name}`.{did_you_mean(name, run.metrics)} It has: {one_of(run.metrics)}"
            )
    if differs := _disagreement(runs, name):
        raise DataError(
            f"{name}: was not measured alike: {differs}. Evaluate the runs with the same `evaluation` section."
        )


def _lines(matched: Matched, known: dict[str, Metric]) -> Iterator[Line]:
    """The runs' means beside one another, for the pair as a whole and for each structure."""
    summaries = [summarise(_rows(matched, run), known) for run in matched.values]
    for beside in zip(*summaries, strict=True):
        for run, line in zip(matched.values, beside, strict=True):
            yield _line(run, line, matched.metric in known or matched.metric == SECONDS)


def _rows(matched: Matched, run: str) -> Iterator[Row]:
    for structure, values in matched.values[run].items():
        for pair, value in zip(matched.pairs, values.tolist(), strict=True):
            yield Row(pair, None, matched.metric, structure, np.nan, value)


def _line(run: str, line: Summary, known: bool) -> Line:
    better = line.better if known else ""
    spread = line.after, line.after_sd, line.after_median
    return Line(line.metric, line.structure, run, line.unit, better, line.n, *spread, line.missing)


def _differences(matched: Matched, runs: list[str], reference: str | None) -> Iterator[Difference]:
    """Friedman's test of three or more runs, then Wilcoxon's of each two, or of each with the reference."""
    values = np.array([matched.values[run][""] for run in runs])
    n = int(np.count_nonzero(~np.isnan(values[0]))) if runs else 0
    if len(runs) >= 3:
        found = friedman(values.T)
        yield Difference(matched.metric, "friedman", "", "", n, np.nan, found.statistic, found.p, np.nan)
    others = [(reference, run) for run in runs if run != reference]
    chosen = others if reference is not None else list(combinations(runs, 2))
    for first, second in chosen:
        one, two = matched.values[first][""], matched.values[second][""]
        found = wilcoxon(one, two)
        difference = float(np.nanmean(two - one)) if n else np.nan
        corrected = bonferroni(found.p, len(chosen))
        yield Difference(matched.metric, "wilcoxon", first, second, n, difference, found.statistic, found.p, corrected)


def _limits(differences: list[Difference]) -> Iterator[str]:
    """What so few pairs cannot show."""
    pairwise = [line for line in differences if line.test == "wilcoxon"]
    if not pairwise:
        return
    n, count = pairwise[0].n, len(pairwise)
    if (lowest := bonferroni(smallest_p(n), count)) > 0.05:
        times = f", {lowest:.3g} after correction for {count} comparisons" if count > 1 else ""
        yield f"with {n} pairs the smallest exact p is {smallest_p(n):.3g}{times}: no difference can reach 0.05"
