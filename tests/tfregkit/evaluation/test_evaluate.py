"""Evaluating a run: which pairs, what is written, a bad pair stops nobody. The network is replaced by a shift."""

import csv
import io
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from rich.console import Console

from tfregkit.data.base import Pair, Split, Subject
from tfregkit.errors import ConfigError, DataError
from tfregkit.evaluation.evaluate import build_metrics, evaluate_run, run_pairs
from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit.inference import registration
from tfregkit.inference.registration import Registration
from tfregkit.inference.transform import Transform

SHAPE = (17, 13, 11)
SHIFT_MM, BACK_MM = np.array([2.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0])
SETTINGS = {"metrics": [{"name": "dice", "labels": {"block": 1}}, "tre", "folds"], "planes": ["axial"]}


def scan(folder, name, corner):
    """A bright block on dark ground, its label and two landmarks."""
    data = np.zeros(SHAPE, np.int16)
    data[corner : corner + 6, 3:9, 2:8] = 1
    for kind, values in (("image", 100 * data), ("labels", data)):
        nib.save(nib.Nifti1Image(values, np.eye(4)), folder / f"{name}_{kind}.nii.gz")
    (folder / f"{name}.csv").write_text(f"x,y,z\n{corner},3,2\n{corner + 5},8,7\n")
    return Subject(
        id=name,
        image=folder / f"{name}_image.nii.gz",
        labels=folder / f"{name}_labels.nii.gz",
        points=folder / f"{name}.csv",
    )


@pytest.fixture
def pairs(tmp_path):
    fixed, near, far = scan(tmp_path, "fixed", 4), scan(tmp_path, "near", 6), scan(tmp_path, "far", 8)
    return [Pair(near, fixed), Pair(far, fixed)]


class Shifts:
    """Stands for a trained run: every pair is shifted by 2 mm, times 1 - lambda; the inverse, to tell it, by 1 mm."""

    def __init__(self, conditioned=False):
        self.network = SimpleNamespace(conditioned=conditioned)
        self.calls = []
        self.chosen = None

    def lambdas(self, lam=None):
        return Registration.lambdas(self, lam)

    def chosen_lambda(self):
        return self.chosen

    def register_each(self, moving, fixed, lam=None, **options):
        self.calls.append((moving.name, lam, options))
        if not moving.is_file():
            raise DataError(f"{moving}: there is no such file.")
        for value in lam or [0.0]:
            there, back = np.eye(4), np.eye(4)
            there[:3, 3], back[:3, 3] = SHIFT_MM * (1.0 - value), -BACK_MM
            yield SimpleNamespace(
                transform=Transform((there,)),
                inverse=Transform((back,)),
                initial=Transform(),
                seconds={"network": 0.25},
            )


@pytest.fixture
def shifts(monkeypatch):
    model = Shifts()
    monkeypatch.setattr(registration, "load_run", lambda run: model)
    return model


def fake_run(folder, test=(), validation=()):
    dataset = SimpleNamespace(build=lambda: SimpleNamespace(split=lambda seed: Split([], list(validation), list(test))))
    stage = SimpleNamespace(data=SimpleNamespace(dataset=dataset))
    return SimpleNamespace(path=folder / "run", experiment=SimpleNamespace(stages=[stage], seed=1))


def evaluated(run, pairs=None, out=None, **changes):
    """The evaluation and what it printed."""
    console = Console(file=io.StringIO(), width=200)
    result = evaluate_run(run, EvaluationSettings(**{**SETTINGS, **changes}), pairs, out, console=console)
    return result, console.file.getvalue()


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_values_before_and_after_reach_the_files_and_the_terminal(tmp_path, pairs, shifts):
    result, shown = evaluated(fake_run(tmp_path, test=pairs))
    assert result.folder == tmp_path / "run" / "evaluation"
    table = {
        (r["pair"], r["metric"], r["structure"]): (r["before"], r["after"]) for r in rows(result.folder / "metrics.csv")
    }
    assert table["near_to_fixed", "dice", "block"] == (f"{4 / 6:.6g}", "1")
    assert table["far_to_fixed", "dice", ""] == (f"{2 / 6:.6g}", f"{4 / 6:.6g}")
    assert table["near_to_fixed", "tre", ""] == ("2", "0")
    assert table["far_to_fixed", "folds", ""] == ("0", "0")
    before, after = table["far_to_fixed", "seconds", ""]
    assert before == ""
    assert float(after) == 0.25
    summary = {(r["metric"], r["structure"]): r for r in rows(result.folder / "summary.csv")}
    assert (summary["tre", ""]["before"], summary["tre", ""]["after"], summary["tre", ""]["n"]) == ("3", "1", "2")
    assert "tre (mm)" in shown
    assert str(result.folder) in shown


@pytest.mark.parametrize("direction", ["registration", "segmentation"])
def test_a_message_names_the_scans_as_the_pair_does(tmp_path, pairs, shifts, direction):
    pairs[0].moving.points.write_text("x,y,z\n6,3,2\n")
    result, _ = evaluated(fake_run(tmp_path, test=pairs), directions=[direction], metrics=["tre"])
    (told,) = result.failures.values()
    assert dict(re.findall(r"the (\w+) image (?:has )?(\d)", told)) == {"fixed": "2", "moving": "1"}


def test_both_directions_of_one_registration(tmp_path, pairs, shifts):
    both = ["registration", "segmentation"]
    result, shown = evaluated(fake_run(tmp_path, test=pairs), directions=both)
    assert len(shifts.calls) == 2
    table = {
        (r["pair"], r["metric"], r["direction"]): (r["before"], r["after"])
        for r in rows(result.folder / "metrics.csv")
        if not r["structure"]
    }
    assert table["near_to_fixed", "dice", "registration"] == (f"{4 / 6:.6g}", "1")
    assert table["near_to_fixed", "dice", "segmentation"] == (f"{4 / 6:.6g}", f"{5 / 6:.6g}")
    assert table["far_to_fixed", "dice", "segmentation"] == (f"{2 / 6:.6g}", f"{3 / 6:.6g}")
    assert table["far_to_fixed", "tre", "segmentation"] == ("4", "3")
    assert [key for key in table if key[1] == "seconds"] == [
        ("near_to_fixed", "seconds", "registration"),
        ("far_to_fixed", "seconds", "registration"),
    ]
    summary = {(r["metric"], r["direction"]): r["after"] for r in rows(result.folder / "summary.csv")}
    assert (summary["tre", "registration"], summary["tre", "segmentation"]) == ("1", "2")
    assert "segmentation" in shown
    alone, _ = evaluated(fake_run(tmp_path, test=pairs), out=tmp_path / "alone")
    assert result.pictures[0].read_bytes() == alone.pictures[0].read_bytes()


def test_segmentation_direction_alone(tmp_path, pairs, shifts):
    result, _ = evaluated(fake_run(tmp_path, test=pairs[:1]), directions=["segmentation"])
    assert {r.direction for r in result.rows if r.metric != "seconds"} == {"segmentation"}
    assert len(result.pictures) == 1


def test_each_direction_once():
    with pytest.raises(ValueError, match="a direction is given twice. Received: segmentation, segmentation"):
        EvaluationSettings(directions=["segmentation", "segmentation"])


def test_one_picture_unless_asked_otherwise(tmp_path, pairs, shifts):
    result, _ = evaluated(fake_run(tmp_path, test=pairs))
    assert [p.name for p in result.pictures] == ["near_to_fixed.png"]
    assert result.pictures[0].read_bytes().startswith(b"\x89PNG")
    assert evaluated(fake_run(tmp_path, test=pairs), pictures=0)[0].pictures == []


def test_bad_pair_is_reported_and_the_others_go_on(tmp_path, pairs, shifts):
    lost = Pair(replace(pairs[0].moving, id="lost", image=tmp_path / "[lost].nii.gz"), pairs[0].fixed)
    other = Pair(replace(pairs[0].moving, id="odd", labels=tmp_path / "nothing.nii.gz"), pairs[0].fixed)
    result, shown = evaluated(fake_run(tmp_path), [lost, other, *pairs], tmp_path / "out")
    assert list(result.failures) == [("lost_to_fixed", None), ("odd_to_fixed", None)]
    assert [r["pair"] for r in rows(tmp_path / "out" / "failures.csv")] == ["lost_to_fixed", "odd_to_fixed"]
    assert "[lost].nii.gz: there is no such file." in shown
    assert "2 pair(s) could not be used" in shown
    assert {r["pair"] for r in rows(tmp_path / "out" / "metrics.csv")} == {"near_to_fixed", "far_to_fixed"}
    evaluated(fake_run(tmp_path), pairs, tmp_path / "out")
    assert not (tmp_path / "out" / "failures.csv").exists()


def test_an_error_nobody_foresaw_stops_no_other_pair(tmp_path, pairs, shifts, monkeypatch):
    register = shifts.register_each

    def fragile(moving, fixed, lam, **options):
        if moving.name.startswith("near"):
            raise ValueError("too small to differentiate")
        return register(moving, fixed, lam, **options)

    monkeypatch.setattr(shifts, "register_each", fragile)
    result, shown = evaluated(fake_run(tmp_path), pairs, tmp_path / "out")
    assert result.failures == {("near_to_fixed", None): "ValueError: too small to differentiate"}
    assert {row.pair for row in result.rows} == {"far_to_fixed"}
    assert "1 pair(s) could not be used" in shown


def test_a_pair_fails_for_each_lambda_on_its_own(tmp_path, pairs, shifts):
    shifts.network.conditioned = True
    lost = Pair(replace(pairs[0].moving, id="lost", image=tmp_path / "lost.nii.gz"), pairs[0].fixed)
    _, shown = evaluated(fake_run(tmp_path), [lost, pairs[1]], tmp_path / "out", lambdas=[0.0, 0.5], pictures=0)
    failures = rows(tmp_path / "out" / "failures.csv")
    assert [(r["pair"], float(r["lambda"])) for r in failures] == [("lost_to_fixed", 0.0), ("lost_to_fixed", 0.5)]
    assert "1 pair(s) could not be used" in shown


def test_no_usable_pair_is_an_error_and_writes_nothing(tmp_path, pairs, shifts):
    lost = Pair(replace(pairs[0].moving, image=tmp_path / "lost.nii.gz"), pairs[0].fixed)
    with pytest.raises(DataError, match=r"no pair could be evaluated:\n.*lost\.nii\.gz"):
        evaluated(fake_run(tmp_path), [lost], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="there are no pairs to evaluate"):
        evaluated(fake_run(tmp_path), [])


def test_each_lambda_has_its_own_rows_and_pictures(tmp_path, pairs, shifts):
    shifts.network.conditioned = True
    result, shown = evaluated(fake_run(tmp_path, test=pairs[:1]), lambdas=[0.0, 0.5], pictures=1)
    tre = {r["lambda"]: r["after"] for r in rows(result.folder / "metrics.csv") if r["metric"] == "tre"}
    assert tre == {"0": "0", "0.5": "1"}
    assert [p.name for p in result.pictures] == ["near_to_fixed_lambda0.png", "near_to_fixed_lambda0.5.png"]
    assert "lambda" in shown


def test_lambdas_need_a_conditioned_network(tmp_path, pairs, shifts):
    with pytest.raises(ConfigError, match="`lambdas` needs a network that is conditioned on lambda"):
        evaluated(fake_run(tmp_path, test=pairs), lambdas=[0.1])


def test_masks_refinement_and_tiles_are_handed_on(tmp_path, pairs, shifts):
    masked = replace(pairs[0].fixed, mask=pairs[0].fixed.labels)
    evaluated(fake_run(tmp_path), [Pair(pairs[0].moving, masked)], refine=7, tile=96, tile_overlap=0, pictures=0)
    masks = {"moving_mask": None, "fixed_mask": masked.mask}
    assert shifts.calls == [("near_image.nii.gz", None, {**masks, "refine": 7, "tile": 96, "tile_overlap": 0})]


@pytest.mark.parametrize("settings", [{"tile_overlap": 8}, {"tile": 8, "tile_overlap": 8}])
def test_an_overlap_must_be_below_the_tile(settings):
    with pytest.raises(ValueError, match="`tile_overlap` must be below `tile`. Received: tile_overlap=8"):
        EvaluationSettings(**settings)


def test_pairs_of_the_run_are_those_the_settings_name(tmp_path, pairs):
    run = fake_run(tmp_path, test=pairs[:1], validation=pairs)
    assert list(run_pairs(run, EvaluationSettings())) == pairs[:1]
    assert list(run_pairs(run, EvaluationSettings(pairs="validation"))) == pairs
    with pytest.raises(DataError, match=r"has no test pairs. Give a table of pairs \(`--pairs pairs.csv`\)"):
        run_pairs(fake_run(tmp_path), EvaluationSettings())


def test_repeated_metrics_get_numbers():
    settings = EvaluationSettings(metrics=["folds", {"name": "folds", "scheme": "forward"}, "ncc"])
    metrics = build_metrics(settings)
    assert list(metrics) == ["folds", "folds_2", "ncc"]
    assert metrics["folds_2"].scheme == "forward"


def test_what_the_numbers_were_measured_with_stands_beside_them(tmp_path, pairs, shifts):
    (tmp_path / "s.json").write_text('{"block": 1, "both": [3, 1]}')
    metrics = [
        {"name": "assd", "structures": str(tmp_path / "s.json")},
        "folds",
        {"name": "folds", "scheme": "forward"},
    ]
    result, _ = evaluated(fake_run(tmp_path, test=pairs), metrics=metrics, refine=3, pictures=0)
    said = json.loads((result.folder / "metrics.json").read_text())
    assert said["metrics"] == {
        "assd": {"name": "assd", "labels": {"block": [1], "both": [1, 3]}, "convention": "voxel"},
        "folds": {"name": "folds", "scheme": "central", "region": "all"},
        "folds_2": {"name": "folds", "scheme": "forward", "region": "all"},
    }
    assert said["registration"] == {"refine": 3}
    assert {row["metric"] for row in rows(result.folder / "metrics.csv")} == {*said["metrics"], "seconds"}


def test_structures_file_reaches_every_metric_that_merges_labels(tmp_path):
    path = tmp_path / "s.json"
    path.write_text('{"block": 1}')
    settings = EvaluationSettings(metrics=[{"name": "dice", "labels": {"a": [1]}}, "dice30", "folds"])
    metrics = build_metrics(settings.with_structures(path))
    assert metrics["dice"].structures == path
    assert metrics["dice"].labels is None
    assert metrics["dice30"].structures == path
    assert EvaluationSettings().plain()["metrics"][-1] == {"name": "tre"}


def test_a_pair_is_read_and_registered_once_for_all_lambdas(tmp_path, pairs, shifts, monkeypatch):
    from tfregkit.data import companion
    from tfregkit.evaluation import cases

    read, original = [], cases.read_volume
    for module in (cases, companion):
        monkeypatch.setattr(module, "read_volume", lambda path, **o: read.append(path.name) or original(path, **o))
    shifts.network.conditioned = True
    result, _ = evaluated(fake_run(tmp_path, test=pairs), lambdas="paper17", pictures=0)
    assert [len(lam) for _, lam, _ in shifts.calls] == [17, 17]
    assert len(read) == 2 * 4  # images and labels of each pair
    order = [(row.lam, row.pair) for row in result.rows if row.metric == "folds"]
    assert order[:3] == [(0.0, "near_to_fixed"), (0.0, "far_to_fixed"), (0.025, "near_to_fixed")]
    assert order == sorted(order, key=lambda key: key[0])
    assert len(order) == 34


def test_a_lambda_at_which_measuring_fails_stops_no_other(tmp_path, pairs, shifts, monkeypatch):
    from tfregkit_plugins.metrics.tre import TRE

    original = TRE.__call__

    def fragile(self, case):
        if np.abs(case.displacement).max() == 1.0:  # at lambda 0.5
            raise ValueError("oops")
        return original(self, case)

    monkeypatch.setattr(TRE, "__call__", fragile)
    shifts.network.conditioned = True
    result, _ = evaluated(fake_run(tmp_path, test=pairs[:1]), lambdas=[0.0, 0.5, 1.0], pictures=0)
    assert result.failures == {("near_to_fixed", 0.5): "ValueError: oops"}
    tre = {row.lam: (row.before, row.after) for row in result.rows if row.metric == "tre"}
    assert tre == {0.0: (2.0, 0.0), 1.0: (2.0, 2.0)}


def test_the_chosen_lambda_is_used_and_told(tmp_path, pairs, shifts):
    shifts.network.conditioned, shifts.chosen = True, 0.5
    result, shown = evaluated(fake_run(tmp_path, test=pairs[:1]), pictures=0)
    assert {row.lam for row in result.rows} == {0.5}
    assert "lambda 0.5, chosen by `tfregkit sweep`: " in shown
    shifts.chosen = None
    with pytest.raises(ConfigError, match="`evaluate --lambdas 0.1`.*`tfregkit sweep`"):
        evaluated(fake_run(tmp_path, test=pairs[:1]), pictures=0)
