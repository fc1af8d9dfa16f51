"""The configurations of the propagative network say what the paper says, and their variants are the tables' rows."""

from pathlib import Path

import pytest
from scan_files import write_scan

import tfregkit.cli.main
from tfregkit.config.experiment import load_experiment
from tfregkit.objective.objective import Objective

CONFIGS = Path(__file__).parents[1] / "configs"
BRAIN = "propagative_brain_atlas"
STAGES = {"_2stage": 2, "": 3, "_4stage": 4}
STA = {0: 1.0, 1: 0.32, 2: 0.08, 3: 0.02}
"""lambda_sta by level, full resolution is 0."""
MAT, REG, JAC = 10.0, 15.0, 0.1
WINDOWS = {0: 9, 1: 7, 2: 5, 3: 3}
TABLE_2 = {  # layers of M, of R and their dilations
    "_rn_minus": ([48, 32, 16], [32], [1]),
    "_mn_minus": ([16], [48, 48, 32], [1, 2, 4]),
    "_rn_plus": ([48, 32, 16], [48, 48, 48, 48, 32, 32], [1, 1, 2, 2, 4, 4]),
    "_mn_plus": ([48, 48, 32, 32, 16, 16], [48, 48, 32], [1, 2, 4]),
}
ROWS = [f"{stages}{row}" for stages in STAGES for row in ("", "_wo_fen", "_wo_rn")]
ROWS += [*TABLE_2, "_wo_constraint", "_released"]
OTHERS = ["propagative_liver", "propagative_liver_wo_affine", "propagative_t1_t2atlas", "propagative_t2_t1atlas"]
MINIS = [f"propagative_mini{row}" for row in ("", "_2stage", "_4stage", "_variational", "_mind")]


def registration(name, *overrides):
    (stage,) = load_experiment(CONFIGS / f"{name}.yaml", overrides).stages
    return stage


def weights(stage):
    return {name: term.weight for name, term in stage.objective.terms.items()}


def test_there_is_a_file_for_every_row_and_no_other():
    expected = {*(BRAIN + row for row in ROWS), *OTHERS, *MINIS}
    assert {path.stem for path in CONFIGS.glob("propagative*.yaml") if "bilevel" not in path.stem} == expected


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize("row", ["", "_wo_fen", "_wo_rn"])
def test_rows_of_tables_1_and_3(stages, row):
    """Equation 8 at each level, and what the row leaves out."""
    stage, levels = registration(f"{BRAIN}{stages}{row}"), range(1, STAGES[stages])
    network = stage.model.build()
    assert network.stages == STAGES[stages]
    assert (network.features, network.variational) == (("image", False) if row == "_wo_fen" else ("learned", True))
    assert bool(network.regularization) == (row != "_wo_rn")
    assert (network.steps, network.propagation) == (7, "literal")
    expected = {"similarity": MAT, "folds": REG * JAC, "smoothness": REG * (STA[0] + STA[1])}
    for level in levels:
        expected[f"similarity_P{level}"] = STA[level] * MAT
        expected[f"folds_P{level}"] = STA[level] * REG * JAC
        if level > 1:  # the last two stages have one velocity
            expected[f"smoothness_P{level}"] = STA[level] * REG
        if row != "_wo_fen":
            expected[f"kl_P{level}"] = STA[level]
    assert weights(stage) == pytest.approx(expected)
    terms = stage.objective.terms
    for level in (0, *levels):
        name = f"_P{level}" if level else ""
        similarity, folds = terms[f"similarity{name}"], terms[f"folds{name}"]
        assert (similarity.similarity.name, similarity.similarity.parameters["window"]) == ("ncc", WINDOWS[level])
        assert similarity.views == ([f"P{level}"] if level else None)
        assert folds.regularizer.parameters["on"] == f"displacement{name.replace('_', '.')}"
        if level > 1:
            assert terms[f"smoothness{name}"].regularizer.parameters["on"] == f"velocity.P{level}"
        if level and row != "_wo_fen":
            found = terms[f"kl{name}"].regularizer.parameters
            assert found.items() >= {"convention": "clmorph", "precision": None, "on": f"latent.P{level}"}.items()
    assert terms["smoothness"].regularizer.parameters["on"] == "velocity"


@pytest.mark.parametrize("row", TABLE_2)
def test_rows_of_table_2(row):
    network = registration(f"{BRAIN}{row}").model.build()
    assert (network.matching_filters, network.regularization_filters, network.dilations) == TABLE_2[row]
    assert weights(registration(f"{BRAIN}{row}")) == weights(registration(BRAIN))


def test_the_brains_are_trained_as_the_authors_do():
    stage = registration(BRAIN)
    trainer, data = stage.trainer, stage.data
    assert (trainer.steps, trainer.batch_size, trainer.learning_rate, trainer.optimizer.name) == (
        37000,
        1,
        1e-4,
        "adam",
    )
    assert (data.grid.shape, data.grid.spacing, data.augmentations) == ((160, 192, 224), 1.0, [])
    assert [round(551 * data.dataset.parameters[part]) for part in ("validation", "test")] == [40, 141]
    assert registration(f"{BRAIN}_wo_constraint").model.build().steps == 0


def test_the_released_one_is_the_authors_code():
    stage = registration(f"{BRAIN}_released")
    network = stage.model.build()
    network.build({role: (1, 16, 16, 16, 1) for role in ("moving", "fixed")})
    assert network.count_params() == 526_444
    assert weights(stage) == {"similarity": 10.0, "similarity_P1": 3.2, "similarity_P2": 0.8, "smoothness": 15.0}
    assert stage.objective.terms["smoothness"].regularizer.parameters["on"] == "displacement"


def test_livers_have_an_affine_network_before():
    stage, without = registration("propagative_liver"), registration("propagative_liver_wo_affine")
    assert stage.model.name == "affine_deformable"
    assert stage.model.parameters["affine"].name == "affine"
    assert without.model.parameters["affine"] is None
    shared = {**weights(registration(BRAIN)), "orthogonality": 0.1, "determinant": 0.1}
    assert weights(stage) == shared
    assert weights(without) == weights(registration(BRAIN))
    assert stage.data.grid.shape == (128, 128, 128)


@pytest.mark.parametrize(("name", "moving", "atlas"), [("t1_t2atlas", "t1", "t2"), ("t2_t1atlas", "t2", "t1")])
def test_two_modalities(name, moving, atlas):
    stage = registration(f"propagative_{name}")
    dataset = stage.data.dataset.parameters
    assert (dataset["moving_modality"], Path(dataset["atlas"]).name) == (moving, f"{atlas}_atlas.nii.gz")
    assert [round(135 * dataset[part]) for part in ("validation", "test")] == [10, 10]
    network = stage.model.build()
    network.build({role: (1, 16, 16, 16, 1) for role in ("moving", "fixed")})
    assert network.feature_filters[:2] == [8, 16]
    assert weights(stage) == {"similarity": 10.0, "similarity_P1": 3.2, "similarity_P2": 0.8, "smoothness": 1.0}
    assert {term.similarity.name for term in stage.objective.terms.values() if term.similarity} == {"mind"}


@pytest.mark.parametrize("name", [*(BRAIN + row for row in ROWS), *OTHERS, *MINIS])
def test_what_terms_look_at_is_what_the_network_gives(name):
    """And the papers' sizes fit."""
    stage = registration(name)
    network, objective = stage.model.build(), Objective.from_settings(stage.objective)
    assert all(size % network.stride == 0 for size in stage.data.grid.shape or (16, 16, 16))
    inner = getattr(network, "deformable", network)
    levels = {f"P{level}" for level in range(1, inner.stages)}
    assert objective.named_views == levels - ({"P2"} if name.endswith("mind") else set())
    given = {"displacement", "velocity", "affine"} | {f"displacement.{level}" for level in levels}
    given |= {f"velocity.{level}" for level in levels}
    given |= {f"latent.{level}" for level in levels if inner.variational}
    assert {term.on for term in objective.terms.values() if hasattr(term, "on")} <= given


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (BRAIN, "data.dataset.images=brains/{subject}.nii.gz"),
        ("propagative_liver", "data.dataset.table=liver/scans.csv"),
        ("propagative_t2_t1atlas", "data.dataset.images=brats/{subject}_{modality}.nii.gz"),
    ],
)
def test_without_the_data_training_says_how_to_get_them(name, source, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tfregkit.cli.main.run(["train", name, "--set", source, "--run-dir", "run"]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "docs/data-propagative.md says" in shown
    assert list(tmp_path.iterdir()) == []


def test_the_small_one_takes_any_folder_and_an_atlas(tmp_path):
    for number in range(20):
        write_scan(tmp_path / f"p{number:02d}_T1.nii.gz", shape=(9, 10, 11), seed=number)
    folder = f"data.dataset.images={tmp_path}/{{subject}}_T1.nii.gz"
    split = registration("propagative_mini", folder).data.dataset.build().split(1)
    assert (len(split.train), len(split.validation), len(split.test)) == (14 * 13, 2, 4 * 3)
    atlas = [f"data.dataset.atlas={tmp_path}/p00_T1.nii.gz", "data.dataset.pairing=atlas"]
    split = registration("propagative_mini", folder, *atlas).data.dataset.build().split(1)
    assert {pair.fixed.id for part in (split.train, split.test) for pair in part} == {"atlas"}
