"""Prepared scans on disk: made once, kept under a hash of everything they depend on, memory-mapped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfregkit.files import atomic_path

VERSION = 1
"""Raise when preparation changes its results, so that arrays of older versions are not used."""


def user_cache_folder() -> Path:
    """`TFREGKIT_CACHE`, or `tfregkit` in the system's folder for caches. What is in it can be deleted at any time."""
    own = os.environ.get("TFREGKIT_CACHE")
    if own:
        return Path(own).expanduser()
    system = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    return Path(system).expanduser() / "tfregkit"


class Cache:
    """Arrays by content: the key is a hash of the source file's bytes and of how it was prepared.

    Safe with several processes and threads at once: arrays are written aside and renamed, and equal keys mean equal
    arrays, so whoever is last replaces a file by its like.

    Args:
        folder: Where. Made when the first array is written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def get(self, sources: list[Path], recipe: dict[str, Any], make: Callable[[], np.ndarray]) -> Path:
        """The path of the array, which is made first if it is not there yet or damaged.

        Args:
            sources: The files it is made of.
            recipe: What is done to them, JSON-ready.
            make: Does it.
        """
        content = {"version": VERSION, "sources": [self._hash(path) for path in sources], "recipe": recipe}
        key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        path = self.folder / key[:2] / f"{key[2:34]}.npy"
        if not _readable(path):
            array = make()
            with atomic_path(path) as aside:
                np.save(aside, array, allow_pickle=False)
        return path

    def _hash(self, path: Path) -> str:
        """The hash of the file's bytes, remembered under its path, size and time of change."""
        status = path.stat()
        known_as = hashlib.sha256(f"{path}|{status.st_size}|{status.st_mtime_ns}".encode()).hexdigest()
        memo = self.folder / "hashes" / known_as[:32]
        if memo.is_file() and len(known := memo.read_text()) == 64:
            return known
        with open(path, "rb") as file:
            digest = _digest(file)
        with atomic_path(memo) as aside:
            aside.write_text(digest)
        return digest


def load_array(path: Path) -> np.ndarray:
    """The array, memory-mapped and read-only. Each call opens the file: cheap, and no handles are kept."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _readable(path: Path) -> bool:
    try:
        load_array(path)
    except (OSError, ValueError, EOFError):  # missing, or cut short by a full disk of somebody else's making
        return False
    return True
