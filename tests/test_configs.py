"""Every configuration that is shipped is valid, and those of ContraReg say what the rows of the paper's table say."""

from pathlib import Path

import pytest

import tfregkit.cli.main
from tfregkit.config.experiment import load_experiment
from tfregkit.training import plan

CONFIGS = Path(__file__).parents[1] / "configs"
EXTRACTORS = ["autoencoder_t1", "autoencoder_t2"]
ROWS = {  # of table 1: similarities, alpha, channels, integration steps, stages before the registration
    "ngf": (["ngf"], 1.0, 64, 5, []),
    "mi": (["mi"], 1.0, 64, 5, []),
    "local_mi": (["local_mi"], 1.0, 64, 5, []),
    "mind": (["mind"], 1.0, 64, 5, []),
    "cr": (["patch_nce"], 0.1, 64, 5, EXTRACTORS),
    "": (["mcr"], 0.1, 64, 5, EXTRACTORS),
    "mi_ch256": (["mi"], 1.0, 256, 32, []),
    "cr_ch256": (["patch_nce"], 0.1, 256, 32, EXTRACTORS),
    "mcr_ch256": (["mcr"], 0.1, 256, 32, EXTRACTORS),
    "cr_mi": (["patch_nce", "mi"], 0.1, 64, 5, EXTRACTORS),
    "cr_extnegs": (["patch_nce"], 0.1, 64, 5, EXTRACTORS),
    "cr_mi_extnegs": (["patch_nce", "mi"], 0.1, 64, 5, EXTRACTORS),
    "cr_suppretrain": (["patch_nce"], 0.1, 64, 5, ["pretrain"]),
    "mcr_suppretrain": (["mcr"], 0.1, 64, 5, ["pretrain"]),
    "mcr_randae": (["mcr"], 0.1, 64, 5, EXTRACTORS),
    "cr_ch256_steps10": (["patch_nce"], 0.1, 256, 10, EXTRACTORS),
    "cr_ch256_steps16": (["patch_nce"], 0.1, 256, 16, EXTRACTORS),
    "cr_ch256_steps32": (["patch_nce"], 0.1, 256, 32, EXTRACTORS),
    "mixed": (["mcr"], 0.1, 64, 5, EXTRACTORS),
}


def experiment(row):
    return load_experiment(CONFIGS / f"contrareg_dhcp{'_' if row else ''}{row}.yaml")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_is_valid(path, monkeypatch):
    """What `validate` looks at, but for the layers: those of each kind of network are built elsewhere, and slowly."""
    monkeypatch.setattr(plan, "declare_weights", lambda network: None)
    absent = []
    plan.check_plan(load_experiment(path), absent=absent.append)
    assert bool(absent) == (path.stem in ("mixcl_finetune_spleen", "mixcl_finetune_btcv"))


def test_validate_says_so(capsys):
    assert tfregkit.cli.main.run(["validate", str(CONFIGS / "clmorph_mini.yaml")]) == 0
    assert "clmorph_mini.yaml: valid. Stages: registration" in capsys.readouterr().out


def test_there_is_a_file_for_every_row_and_no_other():
    expected = {f"contrareg_dhcp{'_' if row else ''}{row}" for row in ROWS}
    assert {path.stem for path in CONFIGS.glob("contrareg_dhcp*.yaml")} == expected


@pytest.mark.parametrize("row", ROWS)
def test_is_the_row_of_the_table(row):
    similarities, alpha, channels, steps, before = ROWS[row]
    *earlier, last = experiment(row).stages
    assert [stage.name for stage in earlier] == before
    parameters = last.model.parameters
    assert (parameters["channels"], parameters["steps"], parameters["conditioning"]) == (channels, steps, "film")
    terms = last.objective.terms
    assert [term.similarity.name for term in terms.values() if term.similarity] == similarities
    assert terms["smoothness"].regularizer.name == "velocity_l2"
    assert (last.objective.alpha, last.objective.lam) == (alpha, "uniform")
    assert last.strategy.parameters["symmetric"] is True
    assert last.data.crop is None
    assert list(last.data.grid.shape) == [160, 192, 160]
    assert (last.data.grid.spacing, last.data.augmentations) == ((0.6132, 0.6257, 0.6572), [])
    for stage in (*earlier, last):
        trainer = stage.trainer
        assert trainer.steps == (0 if row == "mcr_randae" and stage is not last else 100_000)
        assert (trainer.learning_rate, trainer.optimizer.name) == (5e-5, "adam")
        assert trainer.mixed_precision == ("bfloat16" if row == "mixed" else None)
    for stage in earlier:
        assert stage.data.crop == (128, 128, 128)
        assert [spec.name for spec in stage.data.augmentations] == ["flip", "brightness", "contrast"]
        assert {name: term.similarity.name for name, term in stage.objective.terms.items()}.items() >= {
            "l1": "mae",
            "ncc": "ncc",
        }.items()


@pytest.mark.parametrize("row", [row for row, said in ROWS.items() if said[4]])
def test_the_contrast_is_as_published(row):
    contrast = experiment(row).stages[-1].objective.terms["similarity"].similarity.parameters
    found = {name: contrast.get(name) for name in ("external_negatives", "heads", "moving_features", "fixed_features")}
    supervised = "suppretrain" in row
    assert found == {
        "external_negatives": 1024 if "extnegs" in row else found["external_negatives"],
        "heads": "pretrain" if supervised else None,
        "moving_features": "pretrain" if supervised else "autoencoder_t1",
        "fixed_features": "pretrain" if supervised else "autoencoder_t2",
    }
    assert "extnegs" in row or found["external_negatives"] in (None, 0)
    built = experiment(row).stages[-1].objective.terms["similarity"].similarity.build()
    assert (built.negatives, built.temperature, built.width, built.depth) == (1024, 0.007, 256, 3)


def test_without_the_data_training_says_how_to_get_them(tmp_path, capsys):
    code = tfregkit.cli.main.run(["train", "contrareg_dhcp", "--run-dir", str(tmp_path / "run")])
    shown = " ".join(capsys.readouterr().err.split())
    assert code != 0
    for words in ("dhcp/scans.csv", "dHCP neonatal release", "docs/data-dhcp.md", "scripts/prepare_dhcp.py"):
        assert words in shown
