"""Evaluating a run whose network segments: which scans, which metrics, what the rows say."""

import csv
import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from levels import Levels
from phantoms import Constant
from rich.console import Console
from world_grids import GRIDS

from tfregkit.data.base import Pair, Split, Subject
from tfregkit.data.source import LabelClass, Source
from tfregkit.data.volume import read_volume, write_volume
from tfregkit.errors import ConfigError, DataError
from tfregkit.evaluation.cases import Scan
from tfregkit.evaluation.evaluate import evaluate_run
from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit.inference import registration
from tfregkit.inference.registration import Registration
from tfregkit.inference.segmenter import Segmenter

METRICS = ["dice", "hd95", "assd", "folds", "ncc"]


def scan(folder, name, wrong):
    """Two boxes of 6x6x6 voxels; `wrong` layers of the grey one have the label of the background, another one 99."""
    shape = GRIDS["las"].shape
    image, labels = np.zeros(shape, np.uint8), np.zeros(shape, np.int16)
    image[4:10, 4:10, 4:10], labels[4 + wrong : 10, 4:10, 4:10] = 50, 13
    image[14:20, 4:10, 4:10], labels[14:20, 4:10, 4:10] = 100, -7
    labels[0, 0, 0] = 99
    for kind, data in (("image", image), ("labels", labels)):
        write_volume(folder / f"{name}_{kind}.nii.gz", data, GRIDS["las"])
    return Subject(id=name, image=folder / f"{name}_image.nii.gz", labels=folder / f"{name}_labels.nii.gz")


@pytest.fixture
def scans(tmp_path):
    return [scan(tmp_path, "right", 0), scan(tmp_path, "partly", 2)]


@pytest.fixture
def segmenter(monkeypatch):
    monkeypatch.setattr(registration, "load_run", lambda run: Segmenter(Levels(gain=400.0), 1.0))


def evaluated(folder, pairs, **changes):
    dataset = SimpleNamespace(build=lambda: SimpleNamespace(split=lambda seed: Split([], [], pairs)))
    stages = [SimpleNamespace(data=SimpleNamespace(dataset=dataset))]
    run = SimpleNamespace(path=folder / "run", experiment=SimpleNamespace(stages=stages, seed=1))
    console = Console(file=io.StringIO(), width=200)
    settings = EvaluationSettings(**{"metrics": METRICS, **changes})
    return evaluate_run(run, settings, console=console), console.file.getvalue()


def test_the_fixed_scans_are_measured_alone_by_structure(tmp_path, scans, segmenter):
    right, partly = scans
    result, shown = evaluated(tmp_path, [Pair(right, partly), Pair(partly, right), Pair(right, right)])
    found = {(row.pair, row.metric, row.structure): row.after for row in result.rows}
    assert {pair for pair, _, _ in found} == {"right", "partly"}
    assert {metric for _, metric, _ in found} == {"dice", "hd95", "assd", "seconds"}  # the others measure registrations
    assert found["right", "dice", "grey"] == found["right", "dice", "bright"] == 1
    assert found["partly", "dice", "grey"] == pytest.approx(2 * 4 / (4 + 6))
    assert found["partly", "hd95", "grey"] == pytest.approx(2.0)
    assert found["right", "assd", "grey"] == 0
    assert not any(structure == "99" for _, _, structure in found)
    with open(result.folder / "metrics.csv") as file:
        assert {(row["before"], row["direction"]) for row in csv.DictReader(file)} == {("", "segmentation")}
    assert "grey" in shown
    assert [path.name for path in result.pictures] == ["partly.png"]


def test_a_sets_label_map_is_read_as_its_classes(tmp_path, scans, segmenter):
    """1, 2 and 9 in the file are grey, bright and no structure, as the scan's set says."""
    stored = read_volume(scans[0].labels, labels=True)
    renamed = np.select([stored.data == 13, stored.data == -7, stored.data == 99], [1, 2, 9]).astype(np.int16)
    write_volume(tmp_path / "set_labels.nii.gz", renamed, GRIDS["las"])
    classes = (LabelClass("grey", 13, (1,)), LabelClass("bright", -7, (2,)), LabelClass("background", 0, (9,)))
    scan = replace(scans[0], labels=tmp_path / "set_labels.nii.gz", source=Source("set", classes))
    result, _ = evaluated(tmp_path, [Pair(scan, scan)], metrics=["dice"])
    found = {row.structure: row.after for row in result.rows if row.metric == "dice"}
    assert found["grey"] == found["bright"] == 1
    np.testing.assert_array_equal(Scan.read(scan).labels.data, np.where(stored.data == 99, 0, stored.data))


def test_one_bad_scan_stops_no_other(tmp_path, scans, segmenter):
    bare = replace(scans[0], id="bare", labels=None)
    result, shown = evaluated(tmp_path, [Pair(scan, scan) for scan in (bare, scans[1])])
    assert list(result.failures) == [("bare", None)]
    assert "has no label map to compare its segmentation with" in shown
    assert {row.pair for row in result.rows} == {"partly"}


def test_what_belongs_to_registration_is_refused(tmp_path, scans, segmenter):
    pairs = [Pair(*scans)]
    with pytest.raises(ConfigError, match="this run's network segments, and `folds`, `tre` measure registrations"):
        evaluated(tmp_path, pairs, metrics=["folds", "tre"])
    for change in ({"refine": 3}, {"lambdas": [0.1]}):
        with pytest.raises(ConfigError, match="`lambdas` and `refine` are for runs that register"):
            evaluated(tmp_path, pairs, **change)


def test_a_run_that_registers_needs_pairs(tmp_path, scans, monkeypatch):
    monkeypatch.setattr(registration, "load_run", lambda run: Registration(Constant(), 1.0))
    with pytest.raises(DataError, match="is evaluated on pairs: a table with the columns `moving` and `fixed`"):
        evaluated(tmp_path, [Pair(scans[0], scans[0])])
