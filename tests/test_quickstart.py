"""The shipped quickstart runs from start to end, made small; the example on its page is valid."""

import csv
import re
from pathlib import Path

from tfregkit.cli.main import run as tfregkit
from tfregkit.config.experiment import load_experiment

PAGE = Path(__file__).parents[1] / "docs" / "quickstart.md"

SMALL = [
    "data.dataset.subjects=4",
    "data.dataset.validation=0",
    "data.dataset.spacing=8",
    "data.grid.spacing=8",
    "stages.registration.trainer.steps=2",
    "stages.registration.model.encoder_filters=[4, 4, 4, 4]",
    "stages.registration.model.steps=2",
]


def test_it_trains_evaluates_and_draws(tmp_path, capsys):
    places = [f"data.dataset.folder={tmp_path}/demo", f"data.cache={tmp_path}/cache"]
    changes = [word for change in [*SMALL, *places] for word in ("--set", change)]
    assert tfregkit(["train", "quickstart", "--run-dir", str(tmp_path / "run"), *changes]) == 0
    folder = tmp_path / "run" / "evaluation"
    with open(folder / "summary.csv", newline="") as file:
        summary = {(row["metric"], row["structure"]): row for row in csv.DictReader(file)}
    assert float(summary["tre", ""]["before"]) > 2.0
    for metric, structure in [("dice", ""), ("dice", "ventricles"), ("tre", ""), ("folds", "")]:
        assert summary[metric, structure]["after"]
    assert [path.suffix for path in folder.glob("*.png")] == [".png"]
    assert str(folder) in capsys.readouterr().out.replace("\n", "")


def test_example_on_the_page_is_valid(tmp_path):
    text = re.search(r"```yaml\n# mine.yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)[1]
    (tmp_path / "mine.yaml").write_text(text)
    stage = load_experiment(tmp_path / "mine.yaml").stages[0]
    assert stage.objective.terms["similarity"].similarity.name == "mse"
    assert stage.objective.terms["smoothness"].regularizer.name == "diffusion"
