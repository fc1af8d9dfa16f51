"""docs/data.md: every example works on a folder laid out as it says."""

import re
from pathlib import Path

import numpy as np
import pytest
from scan_files import write_labels, write_scan

from tfregkit.config.experiment import load_experiment
from tfregkit.data.base import Subject
from tfregkit.data.opening import open_data
from tfregkit.inference.points import read_points

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
SHAPE = (7, 8, 9)


def blocks(language):
    """The code blocks, each with the text before it."""
    parts = re.split(r"^```(\w*)\n(.*?)^```\n", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [(parts[i + 1], parts[i - 1]) for i in range(1, len(parts), 3) if parts[i] == language]


CONFIGS = [text for text, _ in blocks("yaml")]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The files the page talks about."""
    monkeypatch.setenv("TFREGKIT_CACHE", str(tmp_path / "cache"))
    for i in range(1, 9):
        for modality in ("T1", "T2"):
            write_scan(tmp_path / f"brain/s0{i}_{modality}.nii.gz", shape=SHAPE, seed=i)
        write_labels(tmp_path / f"brain/s0{i}_seg.nii.gz", shape=SHAPE)
        write_scan(tmp_path / f"imagesTr/OASIS_000{i}_0000.nii.gz", shape=SHAPE)
    write_scan(tmp_path / "atlas/T1.nii.gz", shape=SHAPE)
    write_labels(tmp_path / "atlas/seg.nii.gz", shape=SHAPE)
    for i in range(1, 5):
        write_scan(tmp_path / f"bids/sub-{i}/anat/sub-{i}_T1w.nii.gz", shape=SHAPE)
        write_labels(tmp_path / f"bids/derivatives/seg/sub-{i}/anat/sub-{i}_desc-x_dseg.nii.gz", shape=SHAPE)
    for text, before in blocks("csv") + blocks("json"):
        names = re.findall(r"`(\w+\.(?:csv|json))`:\s*$", before)
        (tmp_path / (names[0] if names else "points.csv")).write_text(text)
    return tmp_path


def test_there_are_examples_of_every_kind():
    assert len(CONFIGS) >= 9
    assert all(word in PAGE.read_text() for word in ("bids:", "learn2reg:", "table:", "images:", "name: demo"))


@pytest.mark.parametrize("number", [i for i, text in enumerate(CONFIGS) if "name: demo" not in text])
def test_configuration(study, number):
    (study / "config.yaml").write_text("base: quickstart\n" + CONFIGS[number])
    settings = load_experiment(study / "config.yaml").stages[0].data
    assert settings.dataset.name == "nifti"
    labels = "labels:" in CONFIGS[number]
    batch = open_data(settings, seed=0, batch_size=2, stride=4, labels=labels).train.batch(0)
    assert batch["moving"].shape[0] == 2
    assert np.isfinite(batch["moving"]).all()
    assert ("moving_labels" in batch) == labels


def test_demo(study):
    (text,) = [text for text in CONFIGS if "name: demo" in text]
    (study / "config.yaml").write_text("base: quickstart\n" + text)
    settings = load_experiment(study / "config.yaml").stages[0].data
    assert settings.dataset.parameters["displacement"] == 5.0


def test_points(study):
    points, _ = read_points(study / "points.csv")
    np.testing.assert_array_equal(points, [[-12.5, 30, 8.25], [14, 28.5, 9]])


def test_a_dataset_of_ones_own(study):
    ((text, _),) = blocks("python")
    names = {}
    exec(compile(text, str(PAGE), "exec"), names)
    for i in range(5):
        write_scan(study / f"mine/p{i}.nii", shape=SHAPE)
    split = names["MyStudy"](folder=study / "mine", test=["p0", "p1"]).split(0)
    assert len(split.train) == 6
    assert isinstance(split.test[0].moving, Subject)
