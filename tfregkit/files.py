"""Writing files whole or not at all: everything the toolkit writes goes through here."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PARTIAL = ".partial-"
"""How the names of files begin that are still being written, or that a killed process left behind."""


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to, which becomes `path` when the block ends well and vanishes when it does not.

    The temporary file lies in the same folder and keeps the name's ending, since writers choose the format by it
    (`.nii.gz`). Missing folders are made. A file that was there before stays as it was until the new one is complete.

    Yields:
        The temporary path. The block must create it, as a file or a folder (a folder replaces no existing one).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{PARTIAL}{secrets.token_hex(4)}-{path.name}")
    try:
        yield aside
        if aside.is_file():
            _flush(aside)
        os.replace(aside, path)
    except BaseException:
        shutil.rmtree(aside) if aside.is_dir() else aside.unlink(missing_ok=True)
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with atomic_path(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], data: Any) -> None:
    """Write JSON whole or not at all, keys in the order given. NaN, which JSON does not know, is refused."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False, default=str) + "\n")


def _flush(path: Path) -> None:
    """Make the contents reach the disk before the name does."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
