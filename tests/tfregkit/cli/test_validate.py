"""`tfregkit validate`."""

import re

import tfregkit.cli.main
from tfregkit.config.experiment import load_experiment


def run(capsys, *words):
    code = tfregkit.cli.main.run(["validate", *words])
    return code, capsys.readouterr()


def test_a_valid_configuration(capsys):
    code, shown = run(capsys, "quickstart")
    assert code == 0
    assert "quickstart.yaml: valid. Stages: registration (voxelmorph, unsupervised). Seed: 1.\n" in shown.out


def test_every_problem_is_printed_with_its_line(capsys, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("base: quickstart\nsed: 3\nstages:\n- name: registration\n  trainer: {stps: 4}\n")
    code, shown = run(capsys, str(path), "--set", "stages.registration.model.name=vxm")
    assert code == 2
    assert f"{path}:2: sed: unknown key `sed`. Did you mean `seed`?\n" in shown.err
    assert f"{path}:5: stages.registration.trainer.stps: unknown key `stps`. Did you mean `steps`?\n" in shown.err
    assert "--set stages.registration.model.name=vxm: stages.registration.model.name: unknown network" in shown.err
    assert shown.out == ""


def test_showing_the_resolved_configuration(capsys, tmp_path):
    path = tmp_path / "again.yaml"
    path.write_text(run(capsys, "quickstart", "--show", "--set", "seed=5")[1].out)
    assert load_experiment(path).plain() == load_experiment("quickstart", ["seed=5"]).plain()


def test_data_that_do_not_go_with_the_strategy(capsys):
    own = ("--set", "data.grid={mode: own}", "--set", "data.crop=[16, 16, 16]")
    code, shown = run(capsys, "quickstart", *own)
    assert code == 2
    assert re.search(r"\.yaml:\d+: stage `registration`: data", shown.err)
    assert "stage `registration`: data.grid.mode: `own` gives scans that share no grid" in shown.err
    code, shown = run(capsys, "mixcl_mini", "--set", "data.distortions=[]")
    assert code == 2
    assert "stage `pretraining`: data.distortions: the strategy compares distorted views" in shown.err
    code, shown = run(capsys, "mixcl_mini", "--set", "data.distortions=[noise, elastic]")
    assert code == 2
    assert "data.distortions: `Elastic` moves voxels" in shown.err


def test_a_network_that_the_strategy_cannot_train_as_it_is_set(capsys):
    code, shown = run(capsys, "mixcl_mini", "--set", "stages.pretraining.model.levels=[0]")
    assert code == 2
    assert "stage `pretraining`: strategy `mixcl`: level: 1: the network embeds P0 alone." in shown.err


def test_a_level_that_the_encoder_has_not(capsys):
    """It matters to the label loss alone, also where the same network was looked at without it."""
    setting = ("--set", "stages.pretraining.strategy.level=5")
    assert run(capsys, "mixcl_mini_id", *setting)[0] == 0
    code, shown = run(capsys, "mixcl_mini", *setting)
    assert code == 2
    assert "stage `pretraining`: strategy `mixcl`: level: 5: the network embeds P0, P1, P2 alone." in shown.err


def test_sizes_that_do_not_fit_the_network(capsys):
    code, shown = run(capsys, "mixcl_mini", "--set", "data.crop=[18, 16, 16]")
    assert code == 2
    expected = "`data.crop` must be multiples of 4 for this network. Received: [18, 16, 16]; try [20, 16, 16]."
    assert f"stage `pretraining`: {expected}" in shown.err
    grid = "data.grid={mode: centre, shape: [32, 32, 30]}"
    code, shown = run(capsys, "segmentation_mini", "--set", grid)
    assert code == 2
    assert "stage `segmentation`: `grid.shape` must be multiples of 4" in shown.err
