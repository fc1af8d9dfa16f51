"""Training in processes of their own, to be killed and compared."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

COMMAND = [sys.executable, "-c", "from tfregkit.cli.main import main; main()", "train"]


def start(config: Path, run: Path, *options: str, environment: dict | None = None) -> subprocess.Popen:
    """`tfregkit train config --run-dir run options`, running."""
    settings = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **(environment or {})}
    return subprocess.Popen(
        [*COMMAND, str(config), "--run-dir", str(run), *options],
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen, code: int = 0, timeout: float = 200) -> str:
    """Wait for it and return what it said; the exit code must be as expected."""
    try:
        said, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == code, said[-3000:]
    return said


def rows(run: Path, stage: str = "1-registration") -> list[dict[str, str]]:
    """`metrics.csv` of a stage."""
    path = run / stage / "metrics.csv"
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def numbers(run: Path) -> list[tuple[str, ...]]:
    """What must be equal between two runs: everything but the times."""
    names = ("step", "loss", "likeness", "smoothness", "val_loss", "val_dice")
    return [tuple(row[name] for name in names) for row in rows(run)]


def wait_for_rows(run: Path, count: int, process: subprocess.Popen, timeout: float = 150) -> None:
    """Until so many steps are done."""
    end = time.monotonic() + timeout
    while len(rows(run)) < count:
        assert process.poll() is None, process.communicate()[0][-3000:]
        assert time.monotonic() < end, "no progress"
        time.sleep(0.02)
