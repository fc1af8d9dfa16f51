import pytest
from scan_files import write_scan

from tfregkit.api import DataError
from tfregkit_plugins.datasets.globs import scans_by_pattern


@pytest.fixture
def folder(tmp_path):
    for name in ("s10_T1", "s10_T2", "s10_seg", "s2_T1", "s2_T2", "s2_seg"):
        write_scan(tmp_path / f"{name}.nii.gz", shape=(2, 3, 5))
    return tmp_path


def found(folder, images, modalities=(), **extras):
    patterns = {kind: str(folder / pattern) for kind, pattern in extras.items()}
    return scans_by_pattern(str(folder / images), patterns, list(modalities))


def test_subject_field_and_partners(folder):
    scans = found(folder, "s{subject}_T1.nii.gz", labels="s{subject}_seg.nii.gz")
    assert [(s.id, s.subject, s.image.name, s.labels.name) for s in scans] == [
        ("10", "10", "s10_T1.nii.gz", "s10_seg.nii.gz"),
        ("2", "2", "s2_T1.nii.gz", "s2_seg.nii.gz"),
    ]


def test_modality_field_takes_only_the_modalities_named(folder):
    scans = found(folder, "s{subject}_{modality}.nii.gz", ["T1", "T2"], labels="s{subject}_seg.nii.gz")
    assert [(s.id, s.subject, s.modality) for s in scans] == [
        ("10_T1", "10", "T1"),
        ("10_T2", "10", "T2"),
        ("2_T1", "2", "T1"),
        ("2_T2", "2", "T2"),
    ]
    assert {s.labels.name for s in scans} == {"s10_seg.nii.gz", "s2_seg.nii.gz"}
    with pytest.raises(DataError, match="`{modality}` needs `moving_modality` and `fixed_modality`"):
        found(folder, "s{subject}_{modality}.nii.gz")


def test_a_star_names_the_subject_and_finds_its_partner(folder):
    scans = found(folder, "*_T1.nii.gz", labels="*_seg.nii.gz")
    assert [(s.id, s.labels.name) for s in scans] == [("s10", "s10_seg.nii.gz"), ("s2", "s2_seg.nii.gz")]


def test_a_field_twice_must_agree_and_folders_are_searched(tmp_path):
    for name in ("sub-1/ses-a/sub-1_ses-a.nii", "sub-1/ses-b/sub-1_ses-b.nii", "sub-2/ses-a/sub-1_ses-a.nii"):
        write_scan(tmp_path / name, shape=(2, 3, 5))
    scans = found(tmp_path, "sub-{subject}/ses-{session}/sub-{subject}_ses-{session}.nii")
    assert [(s.id, s.subject) for s in scans] == [("1_a", "1"), ("1_b", "1")]
    assert [s.id for s in found(tmp_path, "**/sub-{subject}_ses-b.nii")] == ["1"]
    names = [s.id for s in found(tmp_path, "**/sub-{subject}_ses-a.nii")]
    assert names == ["sub-1_ses-a_sub-1_ses-a", "sub-2_ses-a_sub-1_ses-a"]


def test_several_stars_are_filled_in_their_order(tmp_path):
    for kind in ("image", "label"):
        write_scan(tmp_path / "site-a" / f"p7_{kind}.nii", shape=(2, 3, 5))
    (scan,) = found(tmp_path, "site-*/*_image.nii", labels="site-*/*_label.nii")
    assert (scan.id, scan.labels.name) == ("a_p7", "p7_label.nii")


def test_one_file_without_wildcards_is_named_after_itself(folder):
    assert [s.id for s in found(folder, "s2_T1.nii.gz")] == ["s2_T1"]


def test_names_with_glob_characters_are_taken_literally(tmp_path):
    write_scan(tmp_path / "a[1]_T1.nii", shape=(2, 3, 5))
    write_scan(tmp_path / "a[1]_seg.nii", shape=(2, 3, 5))
    (scan,) = found(tmp_path, "{subject}_T1.nii", labels="{subject}_seg.nii")
    assert (scan.id, scan.labels.name) == ("a[1]", "a[1]_seg.nii")


def test_no_match(folder):
    with pytest.raises(DataError, match=r"s{subject}_T9\.nii\.gz: no file matches"):
        found(folder, "s{subject}_T9.nii.gz")


def test_unknown_field(folder):
    with pytest.raises(DataError, match=r"unknown field `{person}`. Fields: {subject}, {session}, {modality}"):
        found(folder, "s{person}_T1.nii.gz")


def test_missing_partners_are_counted_and_named(folder):
    (folder / "s2_seg.nii.gz").unlink()
    with pytest.raises(DataError, match=r"1 of 2 scans lack a partner: no .*s2_seg\.nii\.gz\. Where only some"):
        found(folder, "s{subject}_T1.nii.gz", labels="s{subject}_seg.nii.gz")


def test_two_partners_are_one_too_many(folder):
    with pytest.raises(DataError, match="matches 2 files, expected one"):
        found(folder, "s{subject}_T1.nii.gz", labels="s{subject}_T*.nii.gz")
