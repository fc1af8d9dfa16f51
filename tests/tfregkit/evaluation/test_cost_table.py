"""What runs and sweeps cost and reach, from files as they lie in their directories."""

import math

import pandas as pd
import pytest
import yaml

from tfregkit.config.trials import Trial
from tfregkit.errors import ConfigError, RunError
from tfregkit.evaluation.cost_table import read_spent, write_spent
from tfregkit.evaluation.trials_table import TrialRow, marked, read_trials, trial_row, write_trials
from tfregkit.report import cost as cost_plot
from tfregkit.report import trials as trials_plot
from tfregkit.training.cost import Cost, best_validation_dice, run_cost
from tfregkit.training.run import Run

KEYS = ("stages.r.terms.a.weight", "stages.r.terms.b.weight")


def write_run(path, seconds, dice=(math.nan, 0.5), batch=2, stages=1, evaluation=None):
    """A run of several stages of `len(seconds)` steps each."""
    names = [{"name": f"s{n}", "trainer": {"batch_size": batch}} for n in range(1, stages + 1)]
    for number in range(1, stages + 1):
        folder = path / f"{number}-s{number}"
        folder.mkdir(parents=True)
        frame = pd.DataFrame({"step": range(1, len(seconds) + 1), "seconds": seconds, "val_dice": dice})
        frame.to_csv(folder / "metrics.csv", index=False)
    (path / "resolved.yaml").write_text(yaml.safe_dump({"stages": names}))
    if evaluation is not None:
        (path / "evaluation").mkdir()
        lines = [
            {"lambda": lam, "metric": m, "structure": s, "n": 3, "after": v, "direction": d}
            for lam, m, s, v, d in evaluation
        ]
        pd.DataFrame(lines).to_csv(path / "evaluation" / "summary.csv", index=False)
    return path


def test_the_cost_is_that_of_all_stages(tmp_path):
    run = Run.open(write_run(tmp_path / "r", [3.0, 0.5], dice=[0.7, 0.6], batch=4, stages=2))
    assert run_cost(run) == Cost(steps=4, pairs=16, seconds=7.0)
    assert best_validation_dice(run) == 0.7


def test_a_line_for_a_run_and_one_for_a_sweep(tmp_path):
    evaluation = [
        ("", "dice", "", 0.8, "registration"),
        ("", "dice", "hippocampus", 0.1, "registration"),
        ("", "dice", "", 0.2, "segmentation"),
    ]
    write_run(tmp_path / "single", [1.0, 1.0], evaluation=evaluation)
    folder, rows = tmp_path / "grid", []
    for place, dice in enumerate([0.4, 0.9, 0.6]):
        name = f"a.weight={place}"
        write_run(
            folder / name, [1.0, 2.0], dice=[math.nan, dice], evaluation=[("", "dice", "", dice / 2, "registration")]
        )
        rows.append(trial_row(Trial(name, {KEYS[0]: place}, None), folder / name, done=True, failure=None))
    write_trials(folder / "trials.csv", rows)
    lines = read_spent([str(tmp_path / "single"), f"three={folder}"])
    assert [(line.label, line.runs, line.cost) for line in lines] == [
        ("single", 1, Cost(2, 4, 2.0)),
        ("three", 3, Cost(6, 12, 9.0)),
    ]
    assert (lines[0].val_dice, lines[0].metrics) == (0.5, {"dice": 0.8})
    assert (lines[1].val_dice, lines[1].metrics) == (0.9, {"dice": 0.45})
    write_spent(tmp_path / "cost.csv", lines)
    table = pd.read_csv(tmp_path / "cost.csv")
    assert list(table) == ["label", "runs", "steps", "pairs", "seconds", "val_dice", "dice"]
    assert table["dice"].tolist() == [0.8, 0.45]
    assert cost_plot._staircase(lines[1], "dice") == ([3.0, 6.0, 9.0], [0.2, 0.45, 0.45])
    assert cost_plot.cost_figure(lines, tmp_path / "cost.png").is_file()


def test_a_run_that_segments_has_the_other_direction_alone(tmp_path):
    evaluation = [("", "dice", "", 0.3, "segmentation"), ("", "dice", "head", 0.1, "segmentation")]
    run = write_run(tmp_path / "r", [1.0, 1.0], evaluation=evaluation)
    assert read_spent([str(run)])[0].metrics == {"dice": 0.3}


def test_a_conditioned_run_counts_at_the_lambda_that_was_chosen(tmp_path):
    evaluation = [(lam, "dice", "", 0.5 + lam, "registration") for lam in (0.1, 0.2)]
    run = write_run(tmp_path / "r", [1.0, 1.0], evaluation=evaluation)
    assert read_spent([str(run)])[0].metrics == {}
    (run / "lambda.json").write_text('{"lambda": 0.2, "weights_sha256": "x"}')
    assert read_spent([str(run)])[0].metrics == {"dice": 0.7}


def test_what_is_no_run_is_told(tmp_path):
    with pytest.raises(RunError, match="there is no such run"):
        read_spent([str(tmp_path / "nothing")])
    run = write_run(tmp_path / "r", [1.0, 1.0])
    with pytest.raises(ConfigError, match="2 runs have the label `a`"):
        read_spent([f"a={run}", f"a={run}"])


def grid(values=((0.1, 1.0), (0.1, 10.0), (1.0, 1.0), (1.0, 10.0)), dice=(0.5, 0.7, math.nan, 0.6)):
    return [
        TrialRow(f"t{n}", dict(zip(KEYS, pair, strict=True)), "done", Cost(1, 2, 3.0), d, {"folds": 0.1 * n})
        for n, (pair, d) in enumerate(zip(values, dice, strict=True))
    ]


def test_trials_come_back_from_their_table_with_the_best_marked(tmp_path):
    rows = grid()
    rows[2] = TrialRow("t2", {**rows[2].values, KEYS[0]: True}, "failed", Cost(), reason="no\nmemory")
    write_trials(tmp_path / "trials.csv", rows)
    found = read_trials(tmp_path / "trials.csv")
    assert [row.best for row in found] == [False, True, False, False]
    assert [row.val_dice for row in found][:2] == [0.5, 0.7]
    assert math.isnan(found[2].val_dice)
    assert (found[2].state, found[2].reason, found[2].metrics) == ("failed", "no memory", {})
    assert found[3].metrics == pytest.approx({"folds": 0.3})
    assert not any(row.best for row in marked([rows[2]]))


def test_two_weights_on_a_grid_are_a_heat_map(tmp_path, monkeypatch):
    drawn = []
    heat = trials_plot._heat
    monkeypatch.setattr(trials_plot, "_heat", lambda axes, *rest: (heat(axes, *rest), drawn.append(axes)))
    trials_plot.trials_figure(grid(), tmp_path / "t.png")
    image = drawn[0].images[0].get_array()
    assert image.shape == (2, 2)
    assert image[1, 0] == 0.7  # the second key along y
    assert math.isnan(image.filled(math.nan)[0, 1])
    assert [text.get_text() for text in drawn[0].get_xticklabels()] == ["0.1", "1.0"]
    assert drawn[0].get_ylabel() == "b.weight"
    assert len(drawn) == 2  # validation Dice and folds


def test_other_sweeps_are_points_over_each_key(tmp_path, monkeypatch):
    drawn = []
    points = trials_plot._points
    monkeypatch.setattr(trials_plot, "_points", lambda axes, *rest: (points(axes, *rest), drawn.append(axes)))
    trials_plot.trials_figure(grid(values=((0.1, "x"), (0.3, "y"), (1.5, "x"), (0.2, "x"))), tmp_path / "t.png")
    assert len(drawn) == 4
    assert drawn[0].get_xscale() == "log"
    assert drawn[0].lines[0].get_xdata().tolist() == [0.1, 0.2, 0.3, 1.5]
    assert [text.get_text() for text in drawn[2].get_xticklabels()] == ["x", "y"]
