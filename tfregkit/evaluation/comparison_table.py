"""A comparison of runs as tables: for the terminal and for LaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.table import Table

from tfregkit.evaluation.comparison import Comparison, Difference, Line
from tfregkit.evaluation.table import number, probability

ARROWS = {"higher": "↑", "lower": "↓", "": ""}
SIGNIFICANT = 0.05
LATEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "↑": "$\\uparrow$"}
    | {"↓": "$\\downarrow$"}
)


def printed_values(comparison: Comparison) -> Table:
    """A row for each metric: mean ± standard deviation of each run, the best in green. `n` may read `11/12`."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("metric")
    for run in comparison.runs:
        table.add_column(escape(run), justify="right")
    table.add_column("n", justify="right")
    for lines in _beside(comparison, ""):
        cells = [f"[green]{_cell(line)}[/green]" if best else _cell(line) for line, best in _marked(lines, comparison)]
        one = max(lines, key=lambda line: line.n)  # pairs before registration lack some metrics
        table.add_row(_name(one), *cells, f"{one.n}/{one.n + one.missing}" if one.missing else f"{one.n}")
    return table


def printed_differences(differences: Sequence[Difference]) -> Table:
    """A row for each test, p below 0.05 in green."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("metric", "test", "runs"):
        table.add_column(name)
    for name in ("n", "difference", "statistic", "p", "Bonferroni"):
        table.add_column(name, justify="right")
    for line in differences:
        runs = f"{escape(line.first)} → {escape(line.second)}" if line.first else "all"
        row = [line.metric, line.test.capitalize(), runs, f"{line.n}"]
        row += [number(line.difference), number(line.statistic), _significant(line.p), _significant(line.p_bonferroni)]
        table.add_row(*row)
    return table


def latex(comparison: Comparison) -> str:
    """Tables for LaTeX's `booktabs`: one of the metrics, and one of the structures for each metric that has some."""
    tables = ["% Written by `tfregkit compare`; needs \\usepackage{booktabs}."]
    caption = "Mean $\\pm$ standard deviation over the pairs; best in bold"
    stars = _stars(comparison)
    if stars:
        reference = str(comparison.reference).translate(LATEX)
        caption += f"; * differs from {reference} (Wilcoxon, Bonferroni, $p < {SIGNIFICANT}$)"
    rows = [(_name(lines[0]), lines) for lines in _beside(comparison, "")]
    tables.append(_float(comparison, "", rows, f"{caption}.", stars))
    for metric in dict.fromkeys(line.metric for line in comparison.lines if line.structure):
        parts = dict.fromkeys(line.structure for line in comparison.lines if line.metric == metric and line.structure)
        every = [lines for part in parts for lines in _beside(comparison, part) if lines[0].metric == metric]
        rows = [(lines[0].structure, lines) for lines in every]
        heading = _name(every[0][0]).translate(LATEX)
        tables.append(_float(comparison, "structure", rows, f"{heading} of each structure.", set()))
    return "\n\n".join(tables) + "\n"


def _float(
    comparison: Comparison,
    first: str,
    rows: list[tuple[str, list[Line]]],
    caption: str,
    stars: set[tuple[str, str]],
) -> str:
    """One `table` environment."""
    columns = " & ".join(name.translate(LATEX) for name in (first, *comparison.runs))
    text = ["\\begin{table}", "\\centering", f"\\caption{{{caption}}}"]
    text += [f"\\begin{{tabular}}{{l{'r' * len(comparison.runs)}}}", "\\toprule", f"{columns} \\\\", "\\midrule"]
    for name, lines in rows:
        cells = [name.translate(LATEX)]
        for line, best in _marked(lines, comparison):
            cell = _cell(line).replace("±", "$\\pm$")
            cell = f"\\textbf{{{cell}}}" if best else cell
            cells.append(f"{cell}$^*$" if (line.metric, line.run) in stars else cell)
        text.append(" & ".join(cells) + " \\\\")
    return "\n".join([*text, "\\bottomrule", "\\end{tabular}", "\\end{table}"])


def _stars(comparison: Comparison) -> set[tuple[str, str]]:
    """By metric and run: which differ from the reference."""
    if comparison.reference is None:
        return set()
    return {(line.metric, line.second) for line in comparison.differences if line.p_bonferroni < SIGNIFICANT}


def _beside(comparison: Comparison, structure: str) -> Iterator[list[Line]]:
    """The lines of a structure, those of all runs together, a metric at a time."""
    lines = [line for line in comparison.lines if line.structure == structure]
    for metric in dict.fromkeys(line.metric for line in lines):
        yield [line for line in lines if line.metric == metric]


def _marked(lines: list[Line], comparison: Comparison) -> list[tuple[Line, bool]]:
    """Each line, and whether it is the best of several that differ."""
    rivals = {line.mean for line in lines if line.run not in comparison.untested and line.n}
    if len(rivals) < 2 or not lines[0].better:
        return [(line, False) for line in lines]
    best = max(rivals) if lines[0].better == "higher" else min(rivals)
    return [(line, line.mean == best and line.run not in comparison.untested) for line in lines]


def _name(line: Line) -> str:
    return " ".join(filter(None, (line.metric, f"({line.unit})" if line.unit else "", ARROWS[line.better])))


def _cell(line: Line) -> str:
    return " ± ".join(filter(None, (number(line.mean), number(line.sd))))


def _significant(p: float) -> str:
    return f"[green]{probability(p)}[/green]" if p < SIGNIFICANT else probability(p)
