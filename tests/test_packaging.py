"""What an installed package holds."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from third_party import needs_setuptools

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy of the checkout, without reaching for the network."""
    needs_setuptools()
    copy = tmp_path_factory.mktemp("wheel") / "copy"
    copy.mkdir()
    for name in ("tfregkit", "plugins", "configs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    build = "import setuptools.build_meta as b; print(b.build_wheel('dist'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = (copy / "dist").glob("*.whl")
    return zipfile.ZipFile(path)


def files(root, *patterns):
    return {str(path.relative_to(root)) for pattern in patterns for path in root.rglob(pattern)}


def test_the_wheel_carries_code_plugins_configurations_and_the_template(wheel):
    names = set(wheel.namelist())
    code = {f"tfregkit/{name}" for name in files(ROOT / "tfregkit", "*.py")}
    plugins = files(ROOT / "plugins", "*.py")
    configs = {f"tfregkit/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    template = {f"tfregkit/cli/template/{name}" for name in ("pyproject.toml", "README.md", "example.yaml")}
    assert code | plugins | configs | template <= names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


def test_the_wheel_declares_what_the_checkout_declares(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    text = wheel.read(name).decode()
    assert "tfregkit = tfregkit.cli.main:main" in text
    assert "tfregkit-similarities = tfregkit_plugins.similarities" in text
    assert "tfregkit = tfregkit.testing.pytest_plugin" in text


def test_shipped_configurations_are_found_in_an_installed_package(wheel, tmp_path):
    """Not only in a checkout, where they lie beside the package."""
    wheel.extractall(tmp_path)
    code = "import tfregkit; from tfregkit.config.shipped import find_config as find\n"
    code += "print(tfregkit.__file__, find('quickstart'))"
    found = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == [f"{tmp_path}/tfregkit/__init__.py", f"{tmp_path}/tfregkit/configs/quickstart.yaml"]
