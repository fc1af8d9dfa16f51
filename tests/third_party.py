"""Third-party packages for tests, written to a folder as an installer would leave them."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tfregkit import plugins, registry

SAMPLE = Path(__file__).parent / "sample_plugin"


def write_package(folder: Path, name: str, source: str, *, version: str = "1.0", entry: str | None = None) -> str:
    """Write a module and the metadata of the package that installed it; returns the module's name."""
    module = name.replace("-", "_")
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[tfregkit]\n{entry or name} = {module}\n")
    (folder / f"{module}.py").write_text(source)
    return module


def similarity_package(name: str = "ncc", base: str = "Similarity", kind: str = "similarity") -> str:
    """The source of a module that registers one component."""
    return (
        "from tfregkit import hookimpl\n\n@hookimpl\ndef register_components(registry):\n"
        f"    from tfregkit.api import {base}\n\n"
        f"    class Mine({base}):\n        def __init__(self, *, sigma: float = 1.0) -> None:\n"
        "            super().__init__()\n            self.sigma = sigma\n\n"
        f"    registry.{kind}({name!r}, Mine)\n"
    )


@contextmanager
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the packages of a folder findable, and forget them afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    forget()
    try:
        yield
    finally:
        for module in set(sys.modules) - before:
            if str(folder) in str(getattr(sys.modules[module], "__file__", "")):
                del sys.modules[module]
        forget()


def needs_setuptools() -> None:
    """Skip where packages cannot be built offline. (Importing setuptools would change `distutils` under our feet.)"""
    try:
        found = int(importlib.metadata.version("setuptools").split(".")[0])
    except importlib.metadata.PackageNotFoundError:
        found = 0
    if found < 70:
        pytest.skip("needs setuptools >= 70")


def forget() -> None:
    """Let the next question to the registry look for plugins anew."""
    plugins.loaded.cache_clear()
    registry._installed.cache_clear()
