"""`tfregkit sweep` and what uses its choice, on a small conditioned run."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import yaml
from matplotlib.image import imread
from training_data import small_experiment, write_subjects

import tfregkit as package
from tfregkit.cli.main import run as tfregkit
from tfregkit.evaluation import sweep as module

LAMBDAS = ["--lambdas", "0.5,0,1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with five labelled people, a conditioned run `run`, an unconditioned one `plain`, and tables."""
    folder = tmp_path_factory.mktemp("sweep")
    write_subjects(folder)
    plan = small_experiment(folder)
    stage = plan["stages"][0]
    stage["data"]["dataset"]["max_validation_pairs"] = 2
    stage["trainer"] |= {"steps": 2, "batch_size": 1, "validate_every": 1, "learning_rate": 0.003}
    for name, conditioned in (("plain", False), ("run", True)):
        stage["model"]["conditioning"] = "film" if conditioned else "none"
        stage["objective"]["lambda"] = "uniform" if conditioned else None
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(plan))
        assert tfregkit(["train", str(folder / f"{name}.yaml"), "--run-dir", str(folder / name)]) == 0
    line = "{0}_image.nii.gz,{1}_image.nii.gz,{0}_labels.nii.gz,{1}_labels.nii.gz\n"
    header = "moving,fixed,moving_labels,fixed_labels\n"
    (folder / "pairs.csv").write_text(header + line.format("anna", "bert") + line.format("cleo", "bert"))
    (folder / "bad.csv").write_text(header + line.format("anna", "bert") + line.format("none", "bert"))
    (folder / "bare.csv").write_text("moving,fixed\nanna_image.nii.gz,bert_image.nii.gz\n")
    return folder


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the run: what a test stores in it is gone after it."""
    shutil.copytree(trained / "run", tmp_path / "run")
    return tmp_path / "run"


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def sweep(*words):
    return tfregkit(["sweep", *map(str, words)])


def test_a_sweep_chooses_stores_and_is_used(trained, run_dir, tmp_path, capsys):
    assert sweep(run_dir, *LAMBDAS) == 0
    table = rows(run_dir / "sweep" / "sweep.csv")
    assert [row["lambda"] for row in table] == ["0.5", "0", "1"]
    assert {row["pairs"] for row in table} == {"2"}
    best = max(table, key=lambda row: (float(row["dice"]), float(row["lambda"])))
    assert [row["chosen"] == "True" for row in table] == [row is best for row in table]
    for row in table:
        assert float(row["dice30"]) <= float(row["dice"]) <= 1
        assert all(float(row[name]) >= 0 for name in ("folds_percent", "sdlogj", "ncc", "dice_before"))
    stored = json.loads((run_dir / "lambda.json").read_text())
    assert stored["lambda"] == float(best["lambda"])
    assert (stored["max_folds_percent"], stored["pair_count"]) == (0.5, 2)
    assert stored["pairs"] == "validation pairs of the run's data set"
    assert stored["lambdas"] == [0.5, 0.0, 1.0]
    assert imread(run_dir / "sweep" / "sweep.png").shape[1] > 1000
    shown = capsys.readouterr().out
    assert f"lambda {float(best['lambda']):g}, Dice" in shown
    assert "stored: " in shown

    images = [str(trained / f"{name}_image.nii.gz") for name in ("anna", "bert")]
    moved, warp = tmp_path / "moved.nii.gz", tmp_path / "warp.nii.gz"
    assert tfregkit(["register", "--model", str(run_dir), *images, "--moved", str(moved), "--warp", str(warp)]) == 0
    assert f"at lambda {stored['lambda']:g} (chosen by `tfregkit sweep`)" in capsys.readouterr().out
    said = json.loads((tmp_path / "warp.json").read_text())
    assert (said["lambda"], said["lambda_from"]) == (stored["lambda"], "sweep")
    assert package.load(run_dir).register(*images).about["lambda"] == stored["lambda"]
    words = ["--pairs", str(trained / "pairs.csv"), "--out", str(tmp_path / "evaluated"), "--pictures", "0"]
    assert tfregkit(["evaluate", str(run_dir), *words]) == 0
    assert {float(row["lambda"]) for row in rows(tmp_path / "evaluated" / "metrics.csv")} == {stored["lambda"]}
    assert "chosen by `tfregkit sweep`" in capsys.readouterr().out

    stored["weights_sha256"] = "of another training"
    (run_dir / "lambda.json").write_text(json.dumps(stored))
    assert tfregkit(["register", "--model", str(run_dir), *images, "--moved", str(moved)]) == 2
    assert "was chosen for other weights than the run has now" in capsys.readouterr().err
    assert tfregkit(["register", "--model", str(run_dir), *images, "--moved", str(moved), "--lambda", "0.3"]) == 0
    assert "at lambda 0.3; folds" in capsys.readouterr().out
    (run_dir / "lambda.json").write_text('{"lambda": 7, "weights_sha256": ""}')
    assert tfregkit(["register", "--model", str(run_dir), *images, "--moved", str(moved)]) == 2
    assert "`lambda` must lie in [0, 1]. Received: 7" in capsys.readouterr().err


def test_several_runs_in_one_table_and_the_limit(trained, run_dir, tmp_path, monkeypatch, capsys):
    """Folds depend on the run here: one has too many at every lambda."""
    other, out = tmp_path / "more" / "run", tmp_path / "out"
    shutil.copytree(run_dir, other)
    original = module.measured

    def folded(registration, pair, *arguments, **options):
        for found in original(registration, pair, *arguments, **options):
            worse = 3.0 if registration.about["path"] == str(other) else 0.0
            yield found._replace(
                rows=[
                    row if row.metric != "folds" else row.__class__(*list(vars(row).values())[:5], worse)
                    for row in found.rows
                ]
            )

    monkeypatch.setattr(module, "measured", folded)
    words = [run_dir, other, "--pairs", trained / "pairs.csv", "--out", out, "--lambdas", "0,1"]
    assert sweep(*words) == 1
    table = rows(out / "sweep.csv")
    labels = list(dict.fromkeys(row["run"] for row in table))
    assert [(row["run"], row["lambda"]) for row in table] == [(label, lam) for label in labels for lam in ("0", "1")]
    assert len(labels) == 2
    assert labels[1] == "more_run"
    assert [row["folds_percent"] for row in table] == ["0", "0", "3", "3"]
    assert (run_dir / "lambda.json").is_file()
    assert not (other / "lambda.json").exists()
    assert "more_run: no lambda has less than 0.5 % folds; nothing is stored." in capsys.readouterr().out
    assert sweep(*words, "--max-folds", "3.5") == 0
    assert (other / "lambda.json").is_file()


def test_an_interrupted_sweep_repeats_no_finished_pair(trained, run_dir, tmp_path, monkeypatch, capsys):
    words = [run_dir, "--pairs", trained / "pairs.csv", "--no-store", *LAMBDAS]
    assert sweep(*words, "--out", tmp_path / "whole") == 0
    assert not (run_dir / "lambda.json").exists()
    seen, original = [], module.measured

    def killed(registration, pair, lambdas, *arguments, **options):
        if seen and seen[-1] is None:
            raise KeyboardInterrupt
        seen.append(None)
        yield from original(registration, pair, lambdas, *arguments, **options)

    monkeypatch.setattr(module, "measured", killed)
    assert sweep(*words, "--out", tmp_path / "cut") == 130
    assert not (tmp_path / "cut" / "sweep.csv").exists()

    def watched(registration, pair, lambdas, *arguments, **options):
        seen.append((pair.id, lambdas))
        yield from original(registration, pair, lambdas, *arguments, **options)

    monkeypatch.setattr(module, "measured", watched)
    seen.clear()
    assert sweep(*words, "--out", tmp_path / "cut") == 0
    assert seen == [("cleo_image_to_bert_image", [0.5, 0.0, 1.0])]
    assert (tmp_path / "cut" / "sweep.csv").read_bytes() == (tmp_path / "whole" / "sweep.csv").read_bytes()
    assert "1 pairs are measured already" in capsys.readouterr().out
    seen.clear()
    assert sweep(*words[:-1], "0.5,0,1,0.25", "--out", tmp_path / "cut") == 0  # a further lambda alone
    assert [lambdas for _, lambdas in seen] == [[0.25], [0.25]]
    seen.clear()
    metrics = "evaluation.metrics=[{name: dice, labels: {core: 2}}]"
    assert sweep(*words, "--out", tmp_path / "cut", "--set", metrics) == 0  # other metrics: all anew
    assert len(seen) == 2
    other = rows(tmp_path / "cut" / "run_pairs.csv")
    assert {row["structure"] for row in other if row["metric"] == "dice"} == {"", "core"}


def test_a_bad_pair_is_told_and_left_out(trained, run_dir, tmp_path, capsys):
    words = [run_dir, "--pairs", trained / "bad.csv", "--out", tmp_path / "out", "--lambdas", "0,1"]
    assert sweep(*words) == 1
    assert "none_image.nii.gz: there is no such file" in capsys.readouterr().out
    assert {row["pairs"] for row in rows(tmp_path / "out" / "sweep.csv")} == {"1"}
    assert json.loads((run_dir / "lambda.json").read_text())["failed_pairs"] == ["none_image_to_bert_image"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plain"], "its network is not conditioned on lambda, so there is nothing to sweep"),
        (["run", "--pairs", "bare.csv"], "no pair has labels for both scans"),
        (["run", "--subset", "test"], "its data set has no test pairs"),
        (["run", "--lambdas", "0.1,oops"], "Received: 'oops'"),
        (["run", "--lambdas", "0.1,1.2"], "must lie in [0, 1]. Received: 1.2"),
        (["run", "--pairs", "pairs.csv", "--subset", "test"], "--subset chooses among the run's own pairs"),
        (["run", "run", "--out", "out"], "A run is given twice"),
        (["run", "plain"], "say where the table and the plot go: --out DIR"),
        (["run", "plain", "--out", "out"], "its network is not conditioned on lambda"),
        (["nowhere"], "there is no such run"),
        (["run", "--structures", "none.json"], "none.json: there is no such file"),
        ([], "Missing argument 'RUN...'"),
    ],
)
def test_wrong_calls_are_one_message_and_exit_code_2(trained, monkeypatch, words, message, capsys):
    monkeypatch.chdir(trained)
    assert sweep(*words) == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.split())
    assert "Traceback" not in error
    assert not Path("out").exists()
    assert not Path("run/sweep").exists()


def test_without_a_choice_the_message_leads_to_one(trained, tmp_path, capsys):
    images = [str(trained / f"{name}_image.nii.gz") for name in ("anna", "bert")]
    assert tfregkit(["register", "--model", str(trained / "run"), *images, "--moved", str(tmp_path / "m.nii")]) == 2
    error = capsys.readouterr().err
    assert "`--lambda 0.1`" in error
    assert "`tfregkit sweep`" in error
