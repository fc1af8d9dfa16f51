"""The outside route, whole: a package that is not ours is installed, found, checked, and trained from YAML."""

import json
import subprocess
import sys

import pytest
import yaml
from third_party import SAMPLE, installed, needs_setuptools
from training_data import small_experiment, write_subjects

import tfregkit.cli.main
from tfregkit.testing import checks


def run(capsys, *words):
    code = tfregkit.cli.main.run([str(word) for word in words])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    return shown.out


def test_a_third_partys_similarity_and_callback_take_part_in_training(capsys, tmp_path, monkeypatch):
    write_subjects(tmp_path)
    config = small_experiment(tmp_path)
    config["stages"][0]["objective"]["terms"]["likeness"] = {"similarity": {"name": "acme_huber", "delta": 0.2}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    with installed(SAMPLE, monkeypatch):
        run(capsys, "train", tmp_path / "c.yaml", "--run-dir", tmp_path / "run")
    resolved = yaml.safe_load((tmp_path / "run/resolved.yaml").read_text())
    term = resolved["stages"][0]["objective"]["terms"]["likeness"]
    assert term["similarity"] == {"name": "acme_huber", "delta": 0.2}
    assert (tmp_path / "run/acme_steps.txt").read_text() == str(resolved["stages"][0]["trainer"]["steps"])
    assert "acme-losses 1.2 (acme_losses)" in json.loads((tmp_path / "run/versions.json").read_text())["plugins"]


@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_the_sample_keeps_the_rules(check, monkeypatch):
    with installed(SAMPLE, monkeypatch):
        check(tfregkit.build("similarity", "acme_huber"))


def test_a_new_plugin_installs_and_trains_from_its_example(capsys, tmp_path, monkeypatch):
    """pip, as a user runs it, but for a folder of its own and without the network."""
    needs_setuptools()
    run(capsys, "new-plugin", "acme-made", "--dir", tmp_path)
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*pip, "--target", str(site), str(tmp_path / "acme-made")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    write_subjects(tmp_path)
    data = small_experiment(tmp_path)["stages"][0]["data"]  # instead of the demo data, which take their time
    options = [f"--set=data={json.dumps(data)}", "--set=evaluation=null"]
    small = "{name: voxelmorph, encoder_filters: [3, 5], decoder_filters: [5, 5, 3], steps: 0}"
    options += [f"--set=stages.registration.model={small}"]
    with installed(site, monkeypatch):
        listed = run(capsys, "plugins", "similarity", "acme_made_charbonnier")
        assert "from acme-made 0.1.0, acme_made.charbonnier" in listed
        assert "sigma: float > 0, default 0.1" in listed
        told = run(capsys, "validate", tmp_path / "acme-made/contrareg.yaml")
        assert "valid. Stages: registration (contrareg, unsupervised)" in told
        tiny = [
            f"--set={key}" for key in ("stages.registration.model.channels=2", "stages.registration.trainer.steps=2")
        ]
        data["grid"] = {"spacing": 1.0, "shape": [16, 16, 32]}
        place = [f"--set=data={json.dumps(data)}", "--set=evaluation=null", *tiny]
        run(capsys, "train", tmp_path / "acme-made/contrareg.yaml", "--run-dir", tmp_path / "contrareg", *place)
        run(capsys, "train", tmp_path / "acme-made/example.yaml", "--run-dir", tmp_path / "run", *options)
    trained = yaml.safe_load((tmp_path / "contrareg/resolved.yaml").read_text())["stages"][0]
    assert trained["objective"]["terms"]["similarity"]["similarity"]["name"] == "acme_made_charbonnier"
    assert trained["model"]["name"] == "contrareg"
    assert (tmp_path / "contrareg/1-registration/model.keras").is_file()
    rows = (tmp_path / "run/1-registration/metrics.csv").read_text().splitlines()
    assert "similarity" in rows[0]
    assert (tmp_path / "run/1-registration/model.keras").is_file()
