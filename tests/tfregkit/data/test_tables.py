import re
from pathlib import Path

import pytest
from scan_files import write_scan

from tfregkit.data.tables import is_pair_table, read_pairs, read_scans, read_split_pairs, unique_names
from tfregkit.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz", "deep/a.nii.gz", "seg.nii.gz"):
        write_scan(tmp_path / name, shape=(2, 3, 5))
    return tmp_path


def table(folder, text, name="t.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_scans_with_everything(folder):
    text = "subject,image,labels,split,age\nanna,a.nii.gz,seg.nii.gz,train,31\n\nbert, deep/a.nii.gz ,,test,\n"
    (first, part), (second, other) = read_scans(table(folder, text))
    assert (first.subject, first.id, first.image, first.labels) == (
        "anna",
        f"{folder.name}_a",
        folder / "a.nii.gz",
        folder / "seg.nii.gz",
    )
    assert (second.subject, second.id, second.labels, part, other) == ("bert", "deep_a", None, "train", "test")


def test_tabs_byte_order_mark_and_paths_upwards(folder):
    path = folder / "deep" / "t.tsv"
    path.write_bytes("\ufeffimage\tid\n../b.nii.gz\tx\n".encode())
    ((scan, part),) = read_scans(path)
    assert (scan.id, scan.image, part) == ("x", folder / "b.nii.gz", "")


def test_pairs(folder):
    text = "moving,fixed,fixed_labels,moving_subject,split\na.nii.gz,b.nii.gz,seg.nii.gz,anna,validation\n"
    path = table(folder, text)
    assert is_pair_table(path)
    ((pair, part),) = read_split_pairs(path)
    assert (pair.id, part, pair.moving.subject, pair.fixed.labels) == (
        "a_to_b",
        "validation",
        "anna",
        folder / "seg.nii.gz",
    )
    assert read_pairs(path) == [pair]


def test_the_same_file_in_two_pairs_is_the_same_scan(folder):
    pairs = read_pairs(table(folder, "moving,fixed\na.nii.gz,b.nii.gz\nb.nii.gz,a.nii.gz\n"))
    assert pairs[0].moving == pairs[1].fixed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "moving,fixed\na.nii.gz,b.nii.gz\na.nii.gz,gone.nii.gz\n",
            r"t\.csv:3: `fixed`: there is no file .*gone\.nii\.gz",
        ),
        ("moving,fixed\na.nii.gz\n", r"t\.csv:2: 1 cells, but the header has 2 columns"),
        ("moving,fixed\na.nii.gz,\n", r"t\.csv:2: `fixed` is empty"),
        ("moving,moving_label,fixed\n", r"t\.csv:1: unknown column `moving_label`. Did you mean `moving_labels`"),
        ("moving,target\n", r"t\.csv:1: the header has no column `fixed`. Received: moving, target"),
        (
            "moving,fixed,split\na.nii.gz,b.nii.gz,training\n",
            r"t\.csv:2: `split` must be one of train, validation, test",
        ),
        ("moving,fixed\n", r"t\.csv: the table has no rows"),
        ("", r"t\.csv:1: the header has no column `moving`. Received: nothing"),
        ('moving,fixed\n"a.nii.gz,b.nii.gz\n', r"t\.csv: is not a CSV file"),
    ],
)
def test_bad_pair_tables(folder, text, message):
    with pytest.raises(DataError, match=message):
        read_pairs(table(folder, text))


def test_every_missing_file_is_named_at_once_up_to_ten(folder):
    rows = "".join(f"a.nii.gz,gone{i}.nii.gz\n" for i in range(13))
    with pytest.raises(DataError) as error:
        read_pairs(table(folder, "moving,fixed\n" + rows))
    assert len(re.findall("there is no file", str(error.value))) == 10
    assert str(error.value).endswith("... and 3 more problems.")


def test_missing_files_can_be_left_to_the_reader(folder):
    (pair,) = read_pairs(table(folder, "moving,fixed\na.nii.gz,gone.nii.gz\n"), check_files=False)
    assert pair.fixed.image == folder / "gone.nii.gz"


def test_an_id_used_twice_names_both_lines(folder):
    with pytest.raises(DataError, match=r"t\.csv:3: the id `x` is that of .*t\.csv:2 too"):
        read_scans(table(folder, "image,id\na.nii.gz,x\nb.nii.gz,x\n"))


def test_no_table_and_no_text(folder):
    with pytest.raises(DataError, match="nothing.csv: there is no such file"):
        read_pairs(folder / "nothing.csv")
    with pytest.raises(DataError, match=r"a\.nii\.gz: is not a CSV file in UTF-8"):
        read_pairs(folder / "a.nii.gz")


def test_names_take_as_many_folders_as_needed():
    names = unique_names(map(Path, ["/d/s1/x/T1.nii.gz", "/d/s2/x/T1.nii.gz", "/d/s1/x/T2.nii", "/d/s1/x/T2.nii"]))
    assert list(names.values()) == ["s1_x_T1", "s2_x_T1", "T2"]
