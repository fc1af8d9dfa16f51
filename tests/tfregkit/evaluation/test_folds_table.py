"""The table of a cross-validation, from summaries with known values."""

import numpy as np
import pandas as pd
import pytest

from tfregkit.evaluation.folds_table import fold_lines, write_folds

SUMMARY = "lambda,direction,metric,structure,before,after"


@pytest.fixture
def runs(tmp_path):
    """Dice of three folds, the third of which has no kidney."""
    found = {}
    for fold, (liver, kidney) in enumerate([(0.5, 0.25), (0.75, 0.5), (0.7, "")], start=1):
        found[fold] = tmp_path / f"fold-{fold}"
        (found[fold] / "evaluation").mkdir(parents=True)
        lines = [f",segmentation,dice,{name},,{value}" for name, value in (("liver", liver), ("kidney", kidney))]
        (found[fold] / "evaluation" / "summary.csv").write_text("\n".join([SUMMARY, *lines]) + "\n")
    return found


def test_mean_and_deviation_are_over_the_folds_that_have_a_value(runs):
    liver, kidney = fold_lines(runs)
    assert (liver.metric, liver.structure, liver.direction, liver.lam) == ("dice", "liver", "segmentation", None)
    assert liver.folds == {1: 0.5, 2: 0.75, 3: 0.7}
    assert liver.mean == pytest.approx(0.65)
    assert liver.sd == pytest.approx(np.sqrt((0.15**2 + 0.1**2 + 0.05**2) / 2))  # n - 1
    assert (kidney.structure, kidney.mean) == ("kidney", pytest.approx(0.375))
    assert kidney.sd == pytest.approx(0.25 / np.sqrt(2))
    (alone, _) = fold_lines({2: runs[2]})
    assert alone.mean == 0.75
    assert np.isnan(alone.sd)


def test_the_written_table_has_a_column_for_each_fold(runs, tmp_path):
    del runs[1]
    write_folds(tmp_path / "folds.csv", fold_lines(runs), 3)
    table = pd.read_csv(tmp_path / "folds.csv").set_index("structure")
    assert list(table)[-5:] == ["fold_1", "fold_2", "fold_3", "mean", "sd"]
    np.testing.assert_allclose(table.loc["liver"].iloc[-5:-1].astype(float), [np.nan, 0.75, 0.7, 0.725])
    np.testing.assert_allclose(table.loc["kidney"].iloc[-5:-1].astype(float), [np.nan, 0.5, np.nan, 0.5])
