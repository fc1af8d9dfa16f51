import pytest
from scan_files import write_scan

from tfregkit.api import DataError
from tfregkit_plugins.datasets.bids import scans_of_bids


@pytest.fixture
def root(tmp_path):
    for name in (
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/anat/sub-01_T2w.nii",
        "sub-01/anat/sub-01_desc-brain_mask.nii.gz",
        "sub-01/func/sub-01_task-rest_bold.nii.gz",
        "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii.gz",
        "sub-02/ses-b/anat/sub-02_ses-b_T1w.nii.gz",
        "derivatives/seg/sub-02/ses-b/anat/sub-02_ses-b_desc-aseg_dseg.nii.gz",
        "derivatives/seg/sub-01/anat/sub-01_dseg.nii.gz",
        "derivatives/seg/sub-01/anat/sub-01_space-MNI_dseg.nii.gz",
    ):
        write_scan(tmp_path / name, shape=(2, 3, 5))
    (tmp_path / "sub-01/anat/sub-01_T1w.json").write_text("{}")
    return tmp_path


def test_scans_with_their_partners(root):
    scans = scans_of_bids(root, [])
    assert [(s.id, s.subject, s.modality) for s in scans] == [
        ("sub-01_T1w", "01", "T1w"),
        ("sub-02_ses-a_T1w", "02", "T1w"),
        ("sub-02_ses-b_T1w", "02", "T1w"),
    ]
    assert [s.labels and s.labels.name for s in scans] == [
        "sub-01_dseg.nii.gz",
        None,
        "sub-02_ses-b_desc-aseg_dseg.nii.gz",
    ]
    assert [s.mask and s.mask.name for s in scans] == ["sub-01_desc-brain_mask.nii.gz", None, None]


def test_other_suffixes(root):
    assert [s.id for s in scans_of_bids(root, ["T2w"])] == ["sub-01_T2w"]
    with pytest.raises(DataError, match=r"no scan sub-\*.*_FLAIR\.nii.*Suffixes there: T1w, T2w, mask"):
        scans_of_bids(root, ["FLAIR"])


def test_two_label_maps_need_a_decision(root):
    write_scan(root / "derivatives/other/sub-01/anat/sub-01_desc-x_dseg.nii.gz", shape=(2, 3, 5))
    with pytest.raises(
        DataError, match=r"sub-01_T1w\.nii\.gz: 2 files could be its labels: .*Say which by patterns or a table"
    ):
        scans_of_bids(root, [])


def test_no_folder(tmp_path):
    with pytest.raises(DataError, match="gone: there is no such folder"):
        scans_of_bids(tmp_path / "gone", [])
