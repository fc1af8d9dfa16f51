import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tfregkit.data.cache import Cache, load_array, user_cache_folder


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "scan.bin"
    path.write_bytes(b"one")
    return path


def counted(value=1.0):
    calls = []

    def make():
        calls.append(1)
        return np.full((2, 3, 5), value, np.float32)

    return make, calls


def test_made_once_and_memory_mapped(tmp_path, source):
    cache, (make, calls) = Cache(tmp_path / "cache"), counted()
    paths = {cache.get([source], {"spacing": 2.0}, make) for _ in range(3)}
    assert len(calls) == len(paths) == 1
    array = load_array(paths.pop())
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable
    np.testing.assert_array_equal(array, 1)


def test_another_recipe_or_content_is_another_array(tmp_path, source):
    cache, (make, calls) = Cache(tmp_path / "cache"), counted()
    first = cache.get([source], {"spacing": 2.0}, make)
    assert cache.get([source], {"spacing": 1.0}, make) != first
    source.write_bytes(b"two")
    os.utime(source, ns=(1, 1))
    assert cache.get([source], {"spacing": 2.0}, make) != first
    assert len(calls) == 3


def test_a_moved_copy_is_the_same_array(tmp_path, source):
    cache, (make, calls) = Cache(tmp_path / "cache"), counted()
    copy = tmp_path / "copy.bin"
    copy.write_bytes(source.read_bytes())
    assert cache.get([source], {}, make) == cache.get([copy], {}, make)
    assert len(calls) == 1


def test_a_damaged_array_is_made_again(tmp_path, source):
    cache, (make, calls) = Cache(tmp_path / "cache"), counted()
    path = cache.get([source], {}, make)
    path.write_bytes(path.read_bytes()[:-4])
    np.testing.assert_array_equal(load_array(cache.get([source], {}, make)), 1)
    assert len(calls) == 2


def test_a_failed_preparation_leaves_nothing(tmp_path, source):
    cache = Cache(tmp_path / "cache")

    def fail():
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        cache.get([source], {}, fail)
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_threads_that_make_it_at_once_agree(tmp_path, source):
    cache, barrier = Cache(tmp_path / "cache"), threading.Barrier(4)

    def make():
        barrier.wait(timeout=20)  # all four are making it
        return np.arange(30.0).reshape(2, 3, 5)

    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: cache.get([source], {}, make), range(4)))
    assert len(paths) == 1
    np.testing.assert_array_equal(load_array(paths.pop()).ravel(), np.arange(30))
    assert not [p for p in (tmp_path / "cache").rglob("*") if "partial" in p.name]


SCRIPT = """
import sys, numpy as np
from pathlib import Path
from tfregkit.data.cache import Cache, load_array
for i in range(40):
    make = lambda: np.full((31, 37), float(i))
    assert (load_array(Cache(sys.argv[1]).get([Path(sys.argv[2])], {"i": i}, make)) == i).all()
"""


def test_two_processes_share_a_folder(tmp_path, source):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "cache"), str(source)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in running] == [(b"", 0)] * 2
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 40


def test_the_users_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TFREGKIT_CACHE", str(tmp_path))
    assert user_cache_folder() == tmp_path
    monkeypatch.delenv("TFREGKIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache_folder() == tmp_path / "tfregkit"
