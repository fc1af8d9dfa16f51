"""The configurations that begin with MixCL's encoder, and their twins from scratch."""

from pathlib import Path

import pytest
import yaml

from tfregkit.config.experiment import load_experiment
from tfregkit.training.plan import check_plan
from tfregkit.training.run import Run

CONFIGS = Path(__file__).parents[1] / "configs"
NAMES = ["mixcl_finetune_spleen", "mixcl_finetune_btcv"]
SMALL = {"feature_size": 2, "hidden_size": 8, "depth": 4, "heads": 2, "mlp_size": 8}


def stage(name, *overrides):
    (found,) = load_experiment(CONFIGS / f"{name}.yaml", overrides).stages
    return found


@pytest.mark.parametrize("name", NAMES)
def test_it_is_as_published(name):
    found, pretraining = stage(name), stage("mixcl_pretrain")
    assert found.data.grid == pretraining.data.grid
    assert found.data.normalisation == pretraining.data.normalisation
    assert found.data.crop == pretraining.data.crop
    assert found.model.parameters["encoder"] == pretraining.model.parameters["encoder"]
    changes = {spec.name: spec.parameters for spec in found.data.augmentations}
    assert list(changes) == ["rotate90", "flip", "contrast", "brightness"]
    assert {parameters["probability"] for parameters in changes.values()} == {0.2}
    assert changes["flip"]["axes"] == [0, 1, 2]
    trainer = found.trainer
    assert (trainer.steps, trainer.batch_size) == (2000, 2)
    assert (trainer.optimizer.name, trainer.optimizer.weight_decay) == ("adamw", 1e-5)
    assert (trainer.learning_rate.name, trainer.learning_rate.initial) == ("cosine", 1e-4)
    assert list(found.initial) == ["encoder"]
    counts = {"mixcl_finetune_spleen": 1, "mixcl_finetune_btcv": 13}
    values = list(found.model.parameters["labels"].values())
    assert values == list(range(1, counts[name] + 1))


@pytest.mark.parametrize("name", NAMES)
def test_twins_differ_in_where_they_begin_alone(name):
    found, twin = stage(name), stage(f"{name}_scratch")
    assert twin.initial is None
    for key in ("data", "model", "objective", "strategy", "trainer"):
        assert getattr(twin, key) == getattr(found, key)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """The directory of a run of mixcl_pretrain with a tiny encoder, of which only the structure is there."""
    sizes = [f"stages.pretraining.model.encoder.{key}={value}" for key, value in SMALL.items()]
    experiment = load_experiment(CONFIGS / "mixcl_pretrain.yaml", sizes)
    run = Run.create(tmp_path_factory.mktemp("runs") / "mixcl", experiment)
    run.stage_path(1).mkdir()
    (run.stage_path(1) / "model.keras").touch()
    return run.path


def files_of_the_guide():
    """The configurations of docs/pretraining.md that begin with their names."""
    guide = (CONFIGS.parent / "docs" / "pretraining.md").read_text(encoding="utf-8")
    blocks = [part.split("```")[0] for part in guide.split("```yaml\n")[1:]]
    return {block.split()[1]: block for block in blocks if block.startswith("# ")}


def test_the_files_of_the_guide_are_valid(tmp_path):
    files = files_of_the_guide()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert list(files) == ["my_mixcl.yaml", "mine.yaml", "fractions.yaml", "registration.yaml"]
    experiments = {name: load_experiment(tmp_path / name) for name in files}
    assert len(experiments["fractions.yaml"].sweep.grid) == 2
    encoders = [experiments[name].stages[0].model.parameters["encoder"] for name in ("my_mixcl.yaml", "mine.yaml")]
    assert encoders[0] == encoders[1]


def test_the_encoder_of_pretraining_fits_segmentation_and_registration(pretrained, tmp_path):
    sizes = [f"stages.segmentation.model.encoder.{key}={value}" for key, value in SMALL.items()]
    begin = f"stages.segmentation.initial.encoder.run={pretrained}"
    check_plan(load_experiment(CONFIGS / "mixcl_finetune_spleen.yaml", [*sizes, begin]))
    text = files_of_the_guide()["registration.yaml"]
    (tmp_path / "registration.yaml").write_text(text)
    sizes = [f"stages.registration.model.encoder.{key}={value}" for key, value in SMALL.items()]
    begin = f"stages.registration.initial.encoder.run={pretrained}"
    experiment = load_experiment(tmp_path / "registration.yaml", [*sizes, begin])
    assert yaml.safe_load(text)["stages"][0]["initial"] == {"encoder": {"run": "runs/mixcl"}}
    check_plan(experiment)
