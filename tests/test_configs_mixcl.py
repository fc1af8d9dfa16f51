"""The configurations of MixCL: as published, the rows of table 2, and the small one."""

from pathlib import Path

import pytest

import tfregkit.cli.main
from tfregkit.config.experiment import load_experiment
from tfregkit.training.plan import check_plan

CONFIGS = Path(__file__).parents[1] / "configs"
ALL = {"identity": 1.0, "label": 0.01, "reconstruction": 0.01}
ROWS = {
    "": ALL,
    "_id": ["identity"],
    "_id_label": ["identity", "label"],
    "_id_recon": ["identity", "reconstruction"],
    "_label": ["label"],
    "_recon": ["reconstruction"],
}
NAMES = [f"mixcl_mini{row}" for row in ROWS] + [f"mixcl_pretrain{row}" for row in list(ROWS)[:4]]


def stage(name):
    (found,) = load_experiment(CONFIGS / f"{name}.yaml").stages
    return found


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_table_2_differ_in_their_terms_alone(name):
    kind, row = name.split("_")[1], name.partition("_mini")[2] or name.partition("_pretrain")[2]
    found, whole = stage(name), stage(f"mixcl_{kind}")
    assert {key: term.weight for key, term in found.objective.terms.items()} == {key: ALL[key] for key in ROWS[row]}
    for key in ("data", "model", "strategy", "trainer"):
        assert getattr(found, key) == getattr(whole, key)


def test_it_is_as_published():
    found = stage("mixcl_pretrain")
    sets = found.data.dataset.build().sets
    assert [one.name for one in sets] == ["msd_liver", "msd_lung", "msd_pancreas", "nih_pancreas", "kits"]
    assert found.data.grid.spacing == (1.5, 1.5, 2.0)
    assert found.data.normalisation.window == (-150, 250)
    assert found.data.crop == (96, 96, 96)
    assert {one.name: one.parameters["probability"] for one in found.data.augmentations} == {
        "elastic": 0.5,
        "affine": 0.5,
    }
    assert {one.parameters["probability"] for one in found.data.distortions} == {0.2}
    assert found.objective.terms["label"].similarity.build().temperature == 0.1
    strategy, encoder = found.strategy.build(), found.model.build().encoder
    assert (strategy.mu, strategy.epsilon, strategy.level) == (8.0, 0.05, 1)
    sizes = (encoder.patch_size, encoder.hidden_size, encoder.depth, encoder.heads, encoder.mlp_size)
    assert sizes == (16, 768, 12, 12, 3072)
    trainer = found.trainer
    assert (trainer.optimizer.name, trainer.optimizer.weight_decay) == ("adamw", 1e-5)
    assert (trainer.learning_rate.name, trainer.learning_rate.initial) == ("cosine", 1e-4)
    assert (trainer.steps, trainer.batch_size) == (1000, 6)


def test_the_small_one_fits_and_its_encoder_is_that_of_the_small_segmentation():
    experiment = load_experiment(CONFIGS / "mixcl_mini.yaml")
    check_plan(experiment)
    (found,) = experiment.stages
    assert found.model.parameters["encoder"] == stage("segmentation_mini").model.parameters["encoder"]
    assert not any(size % found.model.build().stride for size in found.data.crop)


def test_without_the_data_training_says_how_to_get_them(tmp_path, capsys):
    assert tfregkit.cli.main.run(["train", "mixcl_pretrain", "--run-dir", str(tmp_path / "run")]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    for words in ("Task03_Liver", "prepare_kits.py", "prepare_nih_pancreas.py", "docs/data-ct.md"):
        assert words in shown
    assert tfregkit.cli.main.run(["train", "mixcl_mini", "--run-dir", str(tmp_path / "run")]) == 2
    assert "docs/pretraining.md has a file to copy" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
