"""Who may import whom: the contracts in pyproject.toml, and the names of backends only where backends live."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for root in ("tfregkit", "plugins") for path in (ROOT / root).rglob("*.py"))


def test_import_contracts():
    pytest.importorskip("importlinter")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run([*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_backends_are_imported_in_one_folder_only(path):
    found = re.findall(r"^\s*(?:import|from) (tensorflow|torch|jax)\b", path.read_text(), flags=re.MULTILINE)
    assert not found or path.parent == ROOT / "tfregkit" / "backend", f"imports {found[0]}: use keras.ops"
