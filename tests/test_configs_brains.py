"""The configurations of CLMorph and PC-SwinMorph say what the papers say, and their variants are the tables' rows."""

from pathlib import Path

import pytest
from scan_files import write_labels, write_scan

import tfregkit.cli.main
from tfregkit.config.experiment import load_experiment
from tfregkit.config.trials import load_trials
from tfregkit.data.opening import open_data

CONFIGS = Path(__file__).parents[1] / "configs"
CLMORPH = {  # pairs of an epoch, crop, reference
    "clmorph_lpba40": (30 * 29, (160, 192, 160), "S30"),
    "clmorph_mindboggle": (42 * 41, (160, 192, 160), "NKI-TRT-20-17"),
    "clmorph_acdc": (100, None, None),
}
PC_SWINMORPH = {"pcswinmorph_candi": 103 - 20 - 1, "pcswinmorph_lpba40": 29}  # pairs of an epoch
TABLE_III = {  # weights of KL term and contrast, the contrast
    "": (1.0, 0.01, "nt_xent"),
    "_recon": (0.0, 0.0, "nt_xent"),
    "_recon_smooth": (1.0, 0.0, "nt_xent"),
    "_recon_contrast": (0.0, 0.01, "nt_xent"),
    "_recon_byol": (0.0, 0.01, "byol"),
    "_byol": (1.0, 0.01, "byol"),
}
TABLE_3 = {  # patches, stitcher, weight of the contrast
    "_b": (1, None, 0.0),
    "_b_pw": (2, "concat", 0.0),
    "_b_cl": (1, None, 0.01),
    "_b_pw_cl": (2, "concat", 0.01),
    "": (2, "swin", 0.01),
}
LOBES = {  # of the DKT protocol; the insula (35) is in none
    "frontal": [3, 12, 14, 17, 18, 19, 20, 24, 27, 28],
    "parietal": [8, 22, 25, 29, 31],
    "occipital": [5, 11, 13, 21],
    "temporal": [6, 7, 9, 15, 16, 30, 34],
    "cingulate": [2, 10, 23, 26],
}
DKT31 = {*range(2, 32), 34, 35} - {4}
REGIONS = {
    "lpba40": {
        "frontal": [*range(21, 35)],
        "parietal": [*range(41, 51)],
        "occipital": [*range(61, 69)],
        "temporal": [*range(81, 93)],
        "cingulate": [101, 102, 121, 122],
        "putamen": [163, 164],
        "hippocampus": [165, 166],
    },
    "mindboggle": {name: [side + n for side in (1000, 2000) for n in numbers] for name, numbers in LOBES.items()},
    "acdc": {"right_ventricle": [1], "myocardium": [2], "left_ventricle": [3]},
    "candi": {  # FreeSurfer's numbers
        "cerebral_white_matter": [2, 41],
        "cerebral_cortex": [3, 42],
        "lateral_ventricle": [4, 43],
        "cerebellum_white_matter": [7, 46],
        "cerebellum_cortex": [8, 47],
        "thalamus": [10, 49],
        "caudate": [11, 50],
        "putamen": [12, 51],
        "pallidum": [13, 52],
        "third_ventricle": [14],
        "fourth_ventricle": [15],
        "brain_stem": [16],
        "hippocampus": [17, 53],
        "amygdala": [18, 54],
        "csf": [24],
        "ventral_dc": [28, 60],
    },
}
MINIS = ("clmorph_mini", "pcswinmorph_mini")


def registration(name, *overrides):
    (stage,) = load_experiment(CONFIGS / f"{name}.yaml", overrides).stages
    return stage


def decayed(trainer, initial, times, every):
    """Whether the learning rate is a tenth after each `every` steps."""
    rate = trainer.learning_rate
    assert (rate.name, rate.boundaries) == ("piecewise", [every * i for i in range(1, times)])
    assert rate.values == pytest.approx([initial * 0.1**i for i in range(times)])


def test_there_is_a_file_for_every_row_and_no_other():
    rows = {*CLMORPH, *PC_SWINMORPH, *MINIS, "clmorph_lpba40_grid"}
    rows |= {f"clmorph_lpba40{row}" for row in TABLE_III} | {f"pcswinmorph_candi{row}" for row in TABLE_3}
    assert {path.stem for pattern in ("clmorph*", "pcswinmorph*") for path in CONFIGS.glob(f"{pattern}.yaml")} == rows


@pytest.mark.parametrize("name", CLMORPH)
def test_clmorph_is_as_published(name):
    pairs, crop, reference = CLMORPH[name]
    stage = registration(name)
    data, trainer = stage.data, stage.trainer
    assert (trainer.batch_size, trainer.optimizer.name) == (8, "adam")
    assert trainer.steps == 200 * pairs / 8
    decayed(trainer, 3e-3, 10, 20 * pairs / 8)
    assert (data.crop, data.dataset.parameters["reference"]) == (crop, reference)
    assert (data.normalisation.mode, data.normalisation.region) == ("zscore", "all")
    flip, rotation = data.augmentations
    assert flip.name == "flip"
    assert flip.parameters.items() >= {"axes": [1], "together": True}.items()
    assert rotation.parameters == {
        "rotation": 10, "scale": 0, "shear": 0, "translation": 0, "probability": 1, "together": True,
    }  # fmt: skip
    if "acdc" in name:
        assert data.dataset.parameters.items() >= {"pairing": "paired", "moving_modality": "ED"}.items()
    else:
        assert data.dataset.parameters["pairing"] is None
        assert data.grid.spacing == 1.0


@pytest.mark.parametrize("row", TABLE_III)
def test_clmorphs_objective_is_that_of_the_row(row):
    smooth, contrast, how = TABLE_III[row]
    stage = registration(f"clmorph_lpba40{row}")
    terms = stage.objective.terms
    assert list(terms) == ["recon", "smooth", "contrast"]
    assert [term.weight for term in terms.values()] == [0.5, smooth, contrast]
    assert terms["recon"].similarity.parameters == {"sigma": 0.1}
    assert terms["smooth"].regularizer.parameters.items() >= {"convention": "clmorph", "precision": None}.items()
    assert terms["contrast"].similarity.name == how
    assert stage.strategy.name == ("momentum" if how == "byol" else "unsupervised")
    if how == "nt_xent":
        assert terms["contrast"].similarity.parameters.items() >= {"temperature": 0.5, "width": 64}.items()
    network = stage.model.build()
    assert (network.encoder_filters, network.bottom_filters) == ([16, 32, 64], [256, 128])
    assert (network.decoder_filters, network.normalization) == ([128, 64, 32], "batch")
    assert (network.probabilistic, network.steps) == (True, 0)


@pytest.mark.parametrize("name", PC_SWINMORPH)
def test_pc_swinmorph_is_as_published(name):
    pairs = PC_SWINMORPH[name]
    stage = registration(name)
    data, trainer = stage.data, stage.trainer
    assert (trainer.batch_size, trainer.optimizer.name, trainer.steps) == (1, "adam", 200 * pairs)
    decayed(trainer, 1e-3, 4, 50 * pairs)
    assert (data.normalisation.mode, data.augmentations, data.crop) == ("zscore", [], None)
    assert data.grid.shape == ((160, 192, 160) if "lpba40" in name else None)
    assert Path(data.dataset.parameters["table"]).name == "pairs.csv"


@pytest.mark.parametrize("row", TABLE_3)
def test_pc_swinmorphs_row_of_table_3(row):
    patches, stitcher, contrast = TABLE_3[row]
    stage = registration(f"pcswinmorph_candi{row}")
    network = stage.model.parameters
    assert network["patches"] == patches
    assert (network["stitcher"] and network["stitcher"].name) == stitcher
    if stitcher == "swin":
        assert network["stitcher"].parameters.items() >= {"token": "region", "window": 4, "shift": 1}.items()
    assert network["bidirectional"]
    assert network["steps"] == 0
    assert stage.strategy.parameters["symmetric"] is True
    terms = stage.objective.terms
    assert {name: term.weight for name, term in terms.items()} == {
        "similarity": 2.0, "smoothness": 1.0, "smoothness_back": 1.0, "contrast": contrast,
    }  # fmt: skip
    assert terms["similarity"].similarity.parameters.items() >= {"window": 9, "form": "root"}.items()
    looked_at = [terms[name].regularizer.parameters["on"] for name in ("smoothness", "smoothness_back")]
    assert looked_at == ["displacement", "inverse"]
    assert terms["contrast"].similarity.parameters.items() >= {"patches": 2, "temperature": 1.0}.items()


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("clmorph_lpba40", (160, 192, 160)),
        ("clmorph_acdc", (128, 128, 32)),
        ("pcswinmorph_candi", (160, 128, 160)),
        ("pcswinmorph_lpba40", (160, 192, 160)),
        ("pcswinmorph_candi_b", (160, 128, 160)),
    ],
)
def test_the_network_takes_the_papers_sizes(name, sizes):
    network = registration(name).model.build()
    assert all(size % network.stride == 0 for size in sizes)
    network.build({role: (1, *sizes, 1) for role in ("moving", "fixed")})


def test_the_five_lobes_are_the_protocol_without_the_insula():
    assert sorted(n for numbers in LOBES.values() for n in numbers) == sorted(DKT31 - {35})


@pytest.mark.parametrize("name", [*CLMORPH, *PC_SWINMORPH, "clmorph_lpba40_byol", "pcswinmorph_candi_b"])
def test_what_is_evaluated(name):
    evaluation = load_experiment(CONFIGS / f"{name}.yaml").evaluation
    assert set(evaluation.directions) == {"registration", "segmentation"}
    assert [spec.name for spec in evaluation.metrics][:5] == ["dice", "hd", "assd", "folds", "sdlogj"]
    for spec in evaluation.metrics[:3]:
        found = {key: value if isinstance(value, list) else [value] for key, value in spec.parameters["labels"].items()}
        expected = REGIONS[name.split("_")[1]]
        assert {key: sorted(value) for key, value in found.items()} == {k: sorted(v) for k, v in expected.items()}


@pytest.mark.parametrize(
    ("name", "table", "words"),
    [
        ("clmorph_lpba40", "lpba40/scans.csv", ("LPBA40", "prepare_lpba40.py", "data-brains.md")),
        ("clmorph_lpba40_byol", "lpba40/scans.csv", ("LPBA40", "prepare_lpba40.py", "data-brains.md")),
        ("clmorph_mindboggle", "mindboggle/scans.csv", ("MindBoggle-101", "prepare_mindboggle.py", "data-brains.md")),
        ("clmorph_acdc", "acdc/scans.csv", ("ACDC", "prepare_acdc.py", "data-acdc.md")),
        ("pcswinmorph_candi", "candi/pairs.csv", ("CANDI", "prepare_candi.py", "data-brains.md")),
        ("pcswinmorph_lpba40", "lpba40/pairs.csv", ("LPBA40", "prepare_lpba40.py", "data-brains.md")),
    ],
)
def test_without_the_data_training_says_how_to_get_them(name, table, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tfregkit.cli.main.run(["train", name, "--set", f"data.dataset.table={table}", "--run-dir", "run"]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert all(word in shown for word in (f"{table}: there is no such file", *words))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", MINIS)
def test_the_small_ones_take_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TFREGKIT_CACHE", str(tmp_path / "cache"))
    for number in range(20):
        write_scan(tmp_path / f"p{number:02d}_T1.nii.gz", shape=(9, 10, 11), seed=number)
        write_labels(tmp_path / f"p{number:02d}_labels.nii.gz", shape=(9, 10, 11))
    folder = f"data.dataset.images={tmp_path}/{{subject}}_T1.nii.gz"
    stage = registration(name, folder)
    stride = stage.model.build().stride
    split = stage.data.dataset.build().split(1)
    assert (len(split.train), len(split.validation), len(split.test)) == (14 * 13, 2, 4 * 3)
    labelled = registration(name, folder, f"data.dataset.labels={tmp_path}/{{subject}}_labels.nii.gz")
    size = labelled.trainer.batch_size
    batch = open_data(labelled.data, seed=1, batch_size=size, stride=stride, labels=True).train.batch(0)
    assert batch["moving_labels"].shape == batch["moving"].shape == (size, *[stride] * 3, 1)
    outputs = stage.model.build()({role: batch[role] for role in ("moving", "fixed")})
    assert outputs["displacement"].shape == (size, *[stride] * 3, 3)


def test_figure_8_is_a_grid_over_the_weights_of_both_terms():
    """alpha and beta in {1e-3, ..., 10}; the published pair of weights is one of the 25."""
    trials = load_trials(CONFIGS / "clmorph_lpba40_grid.yaml")
    published = registration("clmorph_lpba40").objective.terms
    found = {
        tuple(trial.experiment.stages[0].objective.terms[name].weight for name in ("smooth", "contrast"))
        for trial in trials
    }
    powers = [0.001, 0.01, 0.1, 1, 10]
    assert found == {(alpha, beta) for alpha in powers for beta in powers}
    assert (published["smooth"].weight, published["contrast"].weight) in found
