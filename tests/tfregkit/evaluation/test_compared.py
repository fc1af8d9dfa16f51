"""Which files, labels and rows are compared, and what is said of those that cannot be."""

import math

import pytest
from evaluated_runs import rows, write_evaluation

from tfregkit.errors import ConfigError, DataError
from tfregkit.evaluation.compared import read_compared
from tfregkit.evaluation.table import Row, write_table

DICE = {"left": [0.5, 0.6, 0.7, 0.8, 0.9, 0.4, 0.3]}


def names(runs):
    return [run.label for run in runs]


def test_runs_folders_and_files_are_named_by_their_place_or_as_one_likes(tmp_path):
    run = write_evaluation(tmp_path / "runs" / "ncc", rows("dice", DICE))
    folder = tmp_path / "results" / "syn"
    write_table(folder / "metrics.csv", rows("dice", DICE), Row)
    file = folder / "other.csv"
    write_table(file, rows("tre", {"": DICE["left"]}), Row)
    runs = read_compared([str(run), f"{folder}", f"{file}"])
    assert names(runs) == ["ncc", "syn", "other"]
    assert [run.metrics for run in runs] == [["dice"], ["dice"], ["tre"]]
    assert names(read_compared([f"Ours={run / 'evaluation'}", f"{folder}/metrics.csv"])) == ["Ours", "syn"]


def test_equal_names_get_as_much_of_their_path_as_it_takes(tmp_path):
    runs = [write_evaluation(tmp_path / place / "x", rows("dice", DICE)) for place in ("one", "two")]
    assert names(read_compared([f"{run}" for run in runs])) == ["one_x", "two_x"]


def test_a_path_may_have_an_equals_sign(tmp_path):
    run = write_evaluation(tmp_path / "lr=0.1", rows("dice", DICE))
    assert names(read_compared([f"{run}"])) == ["lr=0.1"]
    assert names(read_compared([f"small={run}"])) == ["small"]


def test_rows_of_one_lambda_and_one_direction(tmp_path):
    run = write_evaluation(
        tmp_path / "swept",
        [
            *rows("dice", DICE, lam=0.1),
            *rows("dice", {"left": [0.1] * 7}, lam=0.9),
            *rows("dice", {"left": [0.2] * 7}, lam=0.9, direction="segmentation"),
        ],
    )
    (at,) = read_compared([str(run)], lam=0.9)
    assert {row.after for row in at.rows} == {0.1}
    (back,) = read_compared([str(run)], lam=0.9, direction="segmentation")
    assert {row.after for row in back.rows} == {0.2}
    (alone,) = read_compared([str(run)], direction="segmentation")  # one lambda is left
    assert len(alone.rows) == 14
    with pytest.raises(ConfigError, match=r"several lambdas \(0.1, 0.9\). Choose one: `--lambda 0.1`"):
        read_compared([str(run)])
    with pytest.raises(DataError, match=r"no rows of lambda 0.5; it has 0.1, 0.9"):
        read_compared([str(run)], lam=0.5)
    plain = write_evaluation(tmp_path / "plain", rows("dice", DICE))
    assert len(read_compared([str(plain)], lam=0.5)[0].rows) == 14  # takes no lambda
    with pytest.raises(
        DataError, match=r"rows of direction segmentation. Evaluate with `--directions seg.*`--direction reg"
    ):
        read_compared([str(plain)], direction="segmentation")


def test_before_registration_as_a_run(tmp_path):
    run = write_evaluation(tmp_path / "x", rows("dice", DICE))
    before = read_compared([str(run)])[0].before("affine")
    assert before.label == "affine"
    assert [row.after for row in before.rows if row.structure] == [value / 2 for value in DICE["left"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step,loss\n1,0.5\n", "is no metrics.csv of `tfregkit evaluate`: expected the columns pair, lambda"),
        ("pair,lambda,metric,structure,before,after\na,,dice,,0.1,oops\n", "numbers in the last two"),
        ("pair,lambda,metric,structure,before,after\na,,dice\n", "numbers in the last two"),
        ("pair,lambda,metric,structure,before,after\n", "has no rows"),
        ("", "has no rows"),
        ("pair,lambda,metric,structure,before,after\na,,dice,x,0,1\na,,dice,x,0,1\n", "has 2 rows of pair a, metric"),
        ("\x89PNG\x00\xff", "is no metrics.csv"),
    ],
)
def test_files_that_are_no_evaluation(tmp_path, text, message):
    (tmp_path / "metrics.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=rf"metrics\.csv: .*{message}"):
        read_compared([str(tmp_path)])


def test_places_without_an_evaluation_and_names_given_twice(tmp_path):
    run = write_evaluation(tmp_path / "x", rows("dice", DICE))
    other = write_evaluation(tmp_path / "y", rows("dice", DICE))
    (tmp_path / "bare").mkdir()
    with pytest.raises(DataError, match="nowhere: there is no such run, folder or file"):
        read_compared([str(tmp_path / "nowhere")])
    with pytest.raises(DataError, match="Measure the run first: `tfregkit evaluate .*bare`"):
        read_compared([f"a={tmp_path / 'bare'}"])
    with pytest.raises(ConfigError, match="metrics.csv: is given 2 times"):
        read_compared([f"a={run}", f"b={run}/evaluation"])
    with pytest.raises(ConfigError, match="2 runs have the label `y`. Name them"):
        read_compared([f"y={run}", str(other)])
    with pytest.raises(ConfigError, match="`=x`: expected `LABEL=PATH` or `PATH`"):
        read_compared(["=x"])


def test_undefined_values_stay_undefined(tmp_path):
    run = write_evaluation(tmp_path / "x", rows("hd", {"left": [math.nan, *DICE["left"][1:]]}))
    assert math.isnan(read_compared([str(run)])[0].rows[0].after)
