"""`tfregkit new-plugin`: what it writes passes its own tests. Installing and training it is in test_third_party.py."""

import os
import subprocess
import sys

import pytest

import tfregkit.cli.main


def run(capsys, *words):
    code = tfregkit.cli.main.run(["new-plugin", *words])
    return code, capsys.readouterr()


def test_the_package_it_writes_passes_its_tests(capsys, tmp_path):
    code, shown = run(capsys, "Acme_Losses", "--dir", str(tmp_path))
    package = tmp_path / "acme-losses"
    assert code == 0
    assert f"cd {package}" in shown.out
    text = "".join(path.read_text() for path in package.rglob("*") if path.is_file())
    assert "my_plugin" not in text
    assert "my-plugin" not in text
    assert 'acme-losses = "acme_losses"' in (package / "pyproject.toml").read_text()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout


def test_an_existing_folder_is_left_alone(capsys, tmp_path):
    (tmp_path / "acme").mkdir()
    code, shown = run(capsys, "acme", "--dir", str(tmp_path))
    assert code == 2
    assert "acme exists already" in shown.err
    assert list((tmp_path / "acme").iterdir()) == []


@pytest.mark.parametrize("name", ["1acme", "acme losses", "../acme", "class", "-x", "tfregkit"])
def test_names_that_cannot_be(capsys, tmp_path, name):
    code, shown = run(capsys, "--dir", str(tmp_path), "--", name)
    assert code == 2
    assert name in shown.err
    assert list(tmp_path.iterdir()) == []
