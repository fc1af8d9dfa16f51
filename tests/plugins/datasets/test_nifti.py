import json

import pytest
from scan_files import write_labels, write_scan

from tfregkit.api import DataError
from tfregkit.data.pairs import sides
from tfregkit_plugins.datasets.nifti import Nifti


@pytest.fixture
def folder(tmp_path):
    for i in range(1, 8):
        write_scan(tmp_path / f"s{i}_T1.nii.gz", shape=(2, 3, 5))
        write_scan(tmp_path / f"s{i}_T2.nii.gz", shape=(2, 3, 5))
        write_labels(tmp_path / f"s{i}_seg.nii.gz", shape=(2, 3, 5))
    return tmp_path


def ids(pairs):
    return [pair.id for pair in pairs]


def persons(pairs):
    return {scan.subject for side in sides(pairs) for scan in side}


def test_images_of_a_folder(folder):
    dataset = Nifti(
        images=str(folder / "s{subject}_T1.nii.gz"),
        labels=str(folder / "s{subject}_seg.nii.gz"),
        validation=[6, "1"],
        test=["7", "5"],
    )
    split = dataset.split(0)
    assert persons(split.train) == {"2", "3", "4"}
    assert len(split.train) == 6
    assert ids(split.validation) == ["1_to_6", "6_to_1"]
    assert ids(split.test) == ["5_to_7", "7_to_5"]
    assert split.train[0].moving.labels == folder / "s2_seg.nii.gz"


def test_two_modalities_unpaired_and_paired(folder):
    pattern = {"images": str(folder / "s{subject}_{modality}.nii.gz"), "moving_modality": "T1", "fixed_modality": "T2"}
    assert len(Nifti(**pattern).split(0).train) == 42
    paired = Nifti(**pattern, pairing="paired", test=0.3).split(0)
    assert all(pair.moving.subject == pair.fixed.subject for pair in paired.train)
    assert (len(paired.train), len(paired.test)) == (5, 2)


def test_to_an_atlas(folder):
    atlas = folder / "s7_T1.nii.gz"
    pattern = str(folder / "s{subject}_T2.nii.gz")
    split = Nifti(
        images=pattern, pairing="atlas", atlas=atlas, atlas_labels=folder / "s7_seg.nii.gz", validation=[6]
    ).split(0)
    assert ids(split.train)[0] == "1_to_atlas"
    assert ids(split.validation) == ["6_to_atlas"]
    assert split.train[0].fixed.labels == folder / "s7_seg.nii.gz"
    moving = Nifti(images=pattern, pairing="atlas", atlas=atlas, atlas_role="moving").split(0)
    assert ids(moving.train)[-1] == "atlas_to_7"
    with pytest.raises(DataError, match=r"gone\.nii: there is no such file \(of the atlas\)"):
        Nifti(images=pattern, pairing="atlas", atlas=folder / "gone.nii").split(0)


def test_table_of_scans(folder):
    rows = [f"p{i // 2},s{i}_T1.nii.gz,{'test' if i > 5 else ''}" for i in range(1, 7)]
    (folder / "scans.csv").write_text("subject,image,split\n" + "\n".join(rows))
    with pytest.raises(DataError, match=r"scans\.csv: `split` is given for some scans only"):
        Nifti(table=folder / "scans.csv").split(0)
    rows = [f"p{i // 2},s{i}_T1.nii.gz,{'test' if i > 3 else 'train'}" for i in range(1, 7)]
    (folder / "scans.csv").write_text("subject,image,split\n" + "\n".join(rows))
    split = Nifti(table=folder / "scans.csv").split(0)
    assert persons(split.train) == {"p0", "p1"}
    assert persons(split.test) == {"p2", "p3"}
    with pytest.raises(DataError, match=r"says itself who is in which split. Leave out: validation"):
        Nifti(table=folder / "scans.csv", validation=0.2).split(0)
    split = Nifti(table=folder / "scans.csv", reference="p0").split(0)
    assert ids(split.test) == [f"s{i}_T1_to_s1_T1" for i in (4, 5, 6)]
    assert persons(split.train) == {"p0", "p1"}


def test_table_of_scans_with_a_person_in_two_splits(folder):
    (folder / "scans.csv").write_text("subject,image,split\np,s1_T1.nii.gz,train\np,s2_T1.nii.gz,test\n")
    with pytest.raises(DataError, match=r"scans\.csv: subject `p` is in two splits: `train` and `test`"):
        Nifti(table=folder / "scans.csv").split(0)


def test_table_of_scans_without_splits(folder):
    (folder / "scans.csv").write_text("image\n" + "\n".join(f"s{i}_T1.nii.gz" for i in range(1, 8)))
    split = Nifti(table=folder / "scans.csv", validation=0.3, test=["s7_T1", "s2_T1"]).split(0)
    assert persons(split.test) == {"s7_T1", "s2_T1"}
    assert len(split.validation) == 2
    assert len(split.train) == 6


def test_table_of_pairs(folder):
    text = "moving,fixed,split\ns1_T1.nii.gz,s2_T1.nii.gz,\ns3_T1.nii.gz,s4_T1.nii.gz,test\n"
    (folder / "pairs.csv").write_text(text)
    split = Nifti(table=folder / "pairs.csv").split(0)
    assert (ids(split.train), ids(split.test)) == (["s1_T1_to_s2_T1"], ["s3_T1_to_s4_T1"])
    for key in ({"test": 0.5}, {"reference": "s1_T1"}, {"extra_images": "*.nii"}):
        with pytest.raises(
            DataError, match=r"of pairs, so `pairing`, `reference`, modalities, splits and who else trains are its"
        ):
            Nifti(table=folder / "pairs.csv", **key).split(0)
    (folder / "pairs.csv").write_text(text + "s2_T1.nii.gz,s5_T1.nii.gz,test\n")
    with pytest.raises(DataError, match=r"pairs\.csv: subject `s2_T1` is in two splits"):
        Nifti(table=folder / "pairs.csv").split(0)


def test_bids(tmp_path):
    for i in range(1, 5):
        write_scan(tmp_path / f"sub-{i}/anat/sub-{i}_T1w.nii.gz", shape=(2, 3, 5))
    split = Nifti(bids=tmp_path, test=["3", "4"]).split(0)
    assert ids(split.train) == ["sub-1_T1w_to_sub-2_T1w", "sub-2_T1w_to_sub-1_T1w"]


def test_learn2reg_keeps_who_validates_out_of_training(folder):
    image = "s{}_T1.nii.gz".format
    content = {
        "training": [{"image": image(i)} for i in range(1, 8)],
        "registration_val": [{"fixed": image(6), "moving": image(7)}],
        "registration_test": [{"fixed": image(5), "moving": image(4)}],
    }
    (folder / "t.json").write_text(json.dumps(content))
    split = Nifti(learn2reg=folder / "t.json").split(0)
    assert persons(split.train) == {"s1_T1", "s2_T1", "s3_T1"}
    assert ids(split.validation) == ["s7_T1_to_s6_T1"]
    assert ids(split.test) == ["s4_T1_to_s5_T1"]
    content["training_paired_images"] = [
        {"fixed": image(1), "moving": image(2)},
        {"fixed": image(7), "moving": image(3)},
    ]
    (folder / "t.json").write_text(json.dumps(content))
    assert ids(Nifti(learn2reg=folder / "t.json").split(0).train) == ["s2_T1_to_s1_T1"]
    assert len(Nifti(learn2reg=folder / "t.json", pairing="unpaired").split(0).train) == 6


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "exactly one of images, table, bids, learn2reg must be given. Received: none"),
        ({"images": "a", "bids": "b"}, "must be given. Received: images, bids"),
        ({"bids": "b", "labels": "x"}, "go with `images`. Received: labels with bids"),
        ({"images": "a", "atlas": "b"}, "`atlas` and `pairing: atlas` go together"),
        ({"images": "a", "pairing": "atlas"}, "`atlas` and `pairing: atlas` go together"),
        ({"images": "a", "pairing": "paired", "reference": "b"}, "`reference` goes with `pairing: unpaired`"),
        ({"learn2reg": "a", "reference": "b"}, "`reference` does not go with `learn2reg`"),
    ],
)
def test_contradictions(values, message):
    with pytest.raises(ValueError, match=message):
        Nifti(**values)


def test_a_hint_is_said_with_every_error_about_files(tmp_path):
    hint = "Get them from the study."
    for where in ({"table": tmp_path / "t.csv"}, {"images": str(tmp_path / "{subject}.nii")}, {"bids": tmp_path / "b"}):
        with pytest.raises(DataError) as plain:
            Nifti(**where).split(0)
        with pytest.raises(DataError) as hinted:
            Nifti(**where, hint=hint).split(0)
        assert str(hinted.value) == f"{plain.value}\n{hint}"


def test_extra_scans_only_train_and_change_nobody_elses_split(folder):
    for i in range(3):
        write_scan(folder / "samples" / f"sample{i}_image.nii.gz", shape=(2, 3, 5))
        write_labels(folder / "samples" / f"sample{i}_labels.nii.gz", shape=(2, 3, 5))
    pattern = {"images": str(folder / "s{subject}_{modality}.nii.gz"), "labels": str(folder / "s{subject}_seg.nii.gz")}
    options = {**pattern, "pairing": "single", "fixed_modality": "T2", "validation": 0.3, "test": 0.3, "train": ["2"]}
    extra = {
        "extra_images": str(folder / "samples" / "{subject}_image.nii.gz"),
        "extra_labels": str(folder / "samples" / "{subject}_labels.nii.gz"),
    }
    plain, more = Nifti(**options).split(0), Nifti(**options, **extra).split(0)
    assert ids(plain.train) == ["2_T2"]
    assert ids(more.train) == ["2_T2", "sample0", "sample1", "sample2"]
    assert more.train[1].fixed.labels == folder / "samples" / "sample0_labels.nii.gz"
    assert (more.validation, more.test) == (plain.validation, plain.test)
    write_scan(folder / "samples" / "5_image.nii.gz", shape=(2, 3, 5))
    write_labels(folder / "samples" / "5_labels.nii.gz", shape=(2, 3, 5))
    with pytest.raises(DataError, match="`5` is the name of an extra scan and of another one. Rename the file"):
        Nifti(**options, **extra).split(0)
    with pytest.raises(ValueError, match="`extra_labels` goes with `extra_images`"):
        Nifti(**options, extra_labels=extra["extra_labels"])
