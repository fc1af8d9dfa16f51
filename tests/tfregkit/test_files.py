"""Files are whole or not there."""

import json

import pytest

from tfregkit.files import atomic_path, write_json, write_text


def test_the_file_appears_only_when_the_block_ends_well(tmp_path):
    path = tmp_path / "new" / "image.nii.gz"
    with atomic_path(path) as aside:
        aside.write_bytes(b"all")
        assert aside.parent == path.parent
        assert aside.name.endswith(".nii.gz")
        assert not path.exists()
    assert path.read_bytes() == b"all"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("old")

    def write():
        with atomic_path(path) as aside:
            aside.write_text("ha")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_can_be_written_too(tmp_path):
    with atomic_path(tmp_path / "package") as aside:
        (aside / "inner").mkdir(parents=True)
        (aside / "inner" / "a.txt").write_text("a")
    assert (tmp_path / "package" / "inner" / "a.txt").read_text() == "a"


def test_a_half_written_folder_vanishes(tmp_path):
    def write():
        with atomic_path(tmp_path / "package") as aside:
            aside.mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []


def test_forgetting_to_write_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "never.txt"):
        pass


def test_text_and_json(tmp_path):
    write_text(tmp_path / "a.txt", "größe")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "größe"
    write_json(tmp_path / "a.json", {"b": 1, "a": tmp_path})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": 1, "a": str(tmp_path)}
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "a.json", {"b": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text())["b"] == 1
