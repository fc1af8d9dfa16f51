"""docs/mixtures.md and docs/data-ct.md: every example is read, and works on folders laid out as they say."""

import re
from pathlib import Path

import numpy as np
import pytest
from scan_files import write_scan

from tfregkit.config.experiment import load_experiment
from tfregkit.data.opening import open_data
from tfregkit.errors import DataError

DOCS = Path(__file__).parents[2] / "docs"
SHAPE = (17, 19, 23)


def examples(page):
    return re.findall(r"^```yaml\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), flags=re.M | re.S)


def data_of(text, folder):
    """The data section, over quickstart's."""
    (folder / "config.yaml").write_text(f"base: quickstart\n{text}")
    return load_experiment(folder / "config.yaml").stages[0].data


def scans(folder, pattern, labels, values):
    for number in range(5):
        name = f"case_{number:05d}"
        data = np.random.default_rng(number).uniform(-300, 300, SHAPE).astype(np.float32)
        write_scan(folder / pattern.format(subject=name), data=data, affine=np.diag([1.5, 1.5, 2, 1]))
        if labels:
            made = np.zeros(SHAPE, np.uint8)
            made[4:9, 5:11, 6:12] = np.random.default_rng(number).choice(values, (5, 6, 6))
            write_scan(folder / labels.format(subject=name), data=made, affine=np.diag([1.5, 1.5, 2, 1]))


def test_the_mixture_of_the_page(tmp_path):
    (text,) = examples("mixtures.md")
    scans(tmp_path, "liver/imagesTr/{subject}.nii.gz", "liver/labelsTr/{subject}.nii.gz", [1, 2])
    scans(tmp_path, "kidney/{subject}/imaging.nii.gz", "kidney/{subject}/segmentation.nii.gz", [1, 2, 3])
    scans(tmp_path, "brain/{subject}.nii.gz", None, [])
    settings = data_of(text, tmp_path).model_copy(update={"cache": tmp_path / "cache"})
    data = open_data(settings, seed=0, batch_size=8, stride=16, labels=True, views=True)
    assert "liver 4 (22.2 %), kidney 4 (55.6 %), brain 4 (22.2 %)" in data.describe()
    assert "classes: 1 liver, 2 tumour, 3 kidney" in data.describe()
    seen = {}
    for step in range(4):
        batch = data.train.batch(step)
        for name, labels in zip(data.train.names(step), batch["fixed_labels"], strict=True):
            seen.setdefault(name.partition("-")[0], set()).update(np.unique(labels).tolist())
    assert seen == {"liver": {0, 1, 2}, "kidney": {0, 2, 3}, "brain": {-1}}


def test_the_five_sets_are_read_and_say_how_to_get_them(tmp_path):
    five = next(text for text in examples("data-ct.md") if "mixture" in text)
    settings = data_of(five, tmp_path)
    assert settings.crop == (96, 96, 96)
    with pytest.raises(DataError) as caught:
        open_data(settings, seed=0, batch_size=1, labels=True, views=True)
    told = str(caught.value)
    for name in ("msd_liver", "msd_lung", "msd_pancreas", "nih_pancreas", "kits"):
        assert f"set `{name}`: " in told
    assert told.count("docs/data-ct.md says where to get it") == 5


def test_the_layout_of_msd_and_btcv_is_read_as_it_is(tmp_path):
    five = next(text for text in examples("data-ct.md") if "mixture" in text)
    btcv = next(text for text in examples("data-ct.md") if "RawData" in text)
    scans(tmp_path, "Task03_Liver/imagesTr/{subject}.nii.gz", "Task03_Liver/labelsTr/{subject}.nii.gz", [1, 2])
    (tmp_path / "Task03_Liver/imagesTr/._case_00000.nii.gz").write_bytes(b"resource fork")
    for number in (1, 2, 40):
        write_scan(tmp_path / f"RawData/Training/img/img{number:04d}.nii.gz")
        write_scan(tmp_path / f"RawData/Training/label/label{number:04d}.nii.gz")
    liver = data_of(five, tmp_path).dataset.parameters["sets"][0].dataset.build().split(0)
    assert len(liver.train) + len(liver.validation) == 5
    indented = "\n".join(f"  {line}" for line in btcv.splitlines())
    split = data_of(f"data:\n{indented}\n", tmp_path).dataset.build().split(0)
    assert [pair.fixed.subject for pair in split.train] == ["0001", "0002", "0040"]
    assert split.train[2].fixed.labels.name == "label0040.nii.gz"


def test_the_augmentations_of_fine_tuning_are_read(tmp_path):
    text = next(text for text in examples("data-ct.md") if text.startswith("augmentations"))
    indented = "\n".join(f"  {line}" for line in text.splitlines())
    assert [spec.name for spec in data_of(f"data:\n{indented}\n", tmp_path).augmentations] == [
        "rotate90",
        "flip",
        "contrast",
        "brightness",
    ]
