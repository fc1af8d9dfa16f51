"""What a run was made with."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from tfregkit.plugins import loaded

PACKAGES = ("tfregkit", "tensorflow", "keras", "numpy", "scipy", "nibabel", "jax", "torch")


def versions() -> dict[str, Any]:
    """Python, packages, plugins, the command line, and the git state of the working directory and of tfregkit."""
    import keras

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "backend": keras.backend.backend(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "plugins": sorted(str(origin) for origin in loaded().origins.values()),
        "command": sys.argv,
        "git": {"working directory": _git(Path.cwd()), "tfregkit": _git(Path(__file__).parent)},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(folder: Path) -> dict[str, Any] | None:
    """Commit and whether tracked files differ from it; None outside a repository or without git."""
    commit = _output(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "changed": bool(_output(folder, "status", "--porcelain", "--untracked-files=no"))}


def _output(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
