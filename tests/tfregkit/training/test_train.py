"""Whole small trainings in this process: what they write, and how they fail."""

import csv
import json
import re

import keras
import nibabel as nib
import numpy as np
import pytest
import yaml
from training_data import small_experiment, write_subjects
from training_processes import numbers, rows

from tfregkit.config.experiment import load_experiment
from tfregkit.data.batches import Batches
from tfregkit.errors import ConfigError, DataError, RunError, TrainingError
from tfregkit.training.checkpoint import read_facts
from tfregkit.training.run import Run
from tfregkit.training.train import _evaluation, differences, train, wait_for_chief

STAGE = "stages.registration"


def trained(config, run, *settings, resume=False):
    return train(load_experiment(config, [f"{STAGE}.{setting}" for setting in settings]), run, resume=resume)


def network_weights(run):
    return [keras.ops.convert_to_numpy(variable) for variable in run.network().variables]


def test_a_run_directory_is_complete(config, tmp_path):
    run = trained(config, tmp_path / "run", "trainer.steps=40", "trainer.validate_every=20")
    files = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    stage = "1-registration"
    wanted = {"config.yaml", "resolved.yaml", "versions.json", f"{stage}/metrics.csv", f"{stage}/model.keras"}
    saved = {f"{stage}/checkpoints/{name}.npz" for name in ("best", "step-00000038", "step-00000040")}
    events = {name for name in files if name.startswith(f"{stage}/tensorboard/events")}
    assert len(events) == 1
    assert files - events == wanted | saved
    assert (run.path / "config.yaml").read_text() == config.read_text()
    assert load_experiment(run.path / "resolved.yaml").plain() == run.resolved
    versions = json.loads((run.path / "versions.json").read_text())
    assert versions["packages"]["keras"] == keras.__version__
    assert any("tfregkit_plugins.networks" in plugin for plugin in versions["plugins"])

    table = rows(run.path)
    columns = [
        "step",
        "loss",
        "likeness",
        "smoothness",
        "val_loss",
        "val_dice",
        "seconds",
        "wait",
        "images_per_s",
        "learning_rate",
    ]
    assert list(table[0]) == columns
    assert [int(row["step"]) for row in table] == list(range(1, 41))
    assert [row["step"] for row in table if row["val_dice"]] == ["20", "40"]
    losses = np.array([float(row["loss"]) for row in table])
    np.testing.assert_allclose(
        losses, [float(row["likeness"]) + 0.1 * float(row["smoothness"]) for row in table], rtol=1e-4, atol=1e-6
    )
    assert losses[-8:].mean() < 0.8 * losses[:8].mean()  # it learns

    best = max(float(row["val_dice"]) for row in table if row["val_dice"])
    assert read_facts(run.checkpoints(1).best)["score"] == pytest.approx(best)
    stored = keras.saving.load_model(run.stage_path(1) / "model.keras")
    for one, other in zip(network_weights(Run.open(run.path)), stored.variables, strict=True):
        np.testing.assert_array_equal(one, keras.ops.convert_to_numpy(other))


def test_an_existing_run_is_refused_then_extended(config, tmp_path):
    trained(config, tmp_path / "run")
    with pytest.raises(RunError, match="exists already. Continue it with --resume, or choose another --run-dir"):
        trained(config, tmp_path / "run")
    with pytest.raises(RunError, match=r"stages.0.model.encoder_filters.1: was 5, is 7\n  Undo these changes"):
        trained(config, tmp_path / "run", "model.encoder_filters=[3, 7]", resume=True)
    run = trained(config, tmp_path / "run", "trainer.steps=9", resume=True)
    assert run.resolved["stages"][0]["trainer"]["steps"] == 9
    trained(config, tmp_path / "straight", "trainer.steps=9")
    key = [(row[0], row[1]) for row in numbers(tmp_path / "run")]
    assert key == [(row[0], row[1]) for row in numbers(tmp_path / "straight")]


def test_a_run_made_before_a_key_existed_goes_on(config, tmp_path):
    """What its `resolved.yaml` lacks has its default, as it would have had."""
    run = trained(config, tmp_path / "run", "trainer.steps=2")
    text = (run.path / "resolved.yaml").read_text()
    old = re.sub(r"\n +(freeze: \[\]|initial: null|prefetch: .*)(?=\n)", "", text)
    assert len(old.splitlines()) == len(text.splitlines()) - 3
    (run.path / "resolved.yaml").write_text(old)
    assert len(rows(trained(config, tmp_path / "run", "trainer.steps=3", resume=True).path)) == 3


def test_resume_without_a_run_starts_one(config, tmp_path):
    assert len(rows(trained(config, tmp_path / "run", resume=True).path)) == 6


def test_a_non_finite_loss_names_the_batch_and_keeps_the_checkpoint(config, tmp_path, monkeypatch):
    batch = Batches.batch

    def broken(self, step, **share):
        found = batch(self, step, **share)
        if step == 4:
            found["fixed"][0, 3, 3, 3] = np.nan
        return found

    monkeypatch.setattr(Batches, "batch", broken)
    stage = f"{tmp_path}/run/1-registration"
    with pytest.raises(TrainingError, match=r"step 5: the loss is not finite .*likeness nan") as caught:
        trained(config, tmp_path / "run")
    named = [name for name in str(caught.value).split("The batch: ")[1].split(".")[0].split(", ")]
    assert len(named) == 2
    assert all(name.split("_to_")[0].split("_")[0] in ("anna", "bert", "cleo") for name in named)
    assert f"The last good checkpoint is {stage}/checkpoints/step-00000004.npz" in str(caught.value)


def test_no_memory_says_which_key_to_lower(config, tmp_path, monkeypatch):
    import tensorflow as tf

    def full(self, *args, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[1,96,96,96,16]")

    monkeypatch.setattr("tfregkit.training.trainer.Trainer.fit", full)
    with pytest.raises(TrainingError, match="no memory left for batches of 2 pairs of 12x16x20 voxels.*batch_size"):
        trained(config, tmp_path / "run")


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_trains_close_to_float32(config, tmp_path, precision):
    trained(config, tmp_path / "full")
    trained(config, tmp_path / "mixed", f"trainer.mixed_precision={precision}")
    full, mixed = ([float(row["loss"]) for row in rows(tmp_path / name)] for name in ("full", "mixed"))
    np.testing.assert_allclose(mixed, full, rtol=0.05)
    assert mixed != full
    assert keras.config.dtype_policy().name == "float32"
    assert all(weight.dtype == np.float32 for weight in network_weights(Run.open(tmp_path / "mixed")))


def test_accumulated_batches_of_one_are_one_batch_of_two(config, tmp_path):
    plain = ("trainer.optimizer=sgd", "trainer.learning_rate=0.5")
    one = trained(config, tmp_path / "one", *plain, "trainer.steps=3")
    options = ("trainer.batch_size=1", "trainer.gradient_accumulation=2", "trainer.steps=6")
    two = trained(config, tmp_path / "two", *plain, *options)
    losses = [[float(row["loss"]) for row in rows(run.path)] for run in (one, two)]
    np.testing.assert_allclose(losses[0], np.reshape(losses[1], (3, 2)).mean(1), rtol=1e-4)
    assert len(set(losses[0])) == 3


def test_rematerialisation_changes_nothing_but_memory(config, tmp_path):
    trained(config, tmp_path / "plain")
    trained(config, tmp_path / "remat", "trainer.remat=true")
    plain, remat = ([float(row["loss"]) for row in rows(tmp_path / name)] for name in ("plain", "remat"))
    np.testing.assert_allclose(remat, plain, rtol=1e-4)


def test_a_conditioned_network_trains_on_uniform_lambda(config, tmp_path):
    uniform = ("objective.lambda=uniform", "objective.alpha=0.1")
    with pytest.raises(ConfigError, match="`uniform` needs a network that takes lambda"):
        trained(config, tmp_path / "plain", *uniform)
    with pytest.raises(ConfigError, match="is conditioned on lambda, so the objective needs one"):
        trained(config, tmp_path / "none", "model.conditioning=film")
    run = trained(config, tmp_path / "run", *uniform, "model.conditioning=film")
    assert len(rows(run.path)) == 6
    assert read_facts(run.checkpoints(1).best)["inputs"]["lam"] == [1, 1]
    assert run.network().conditioned


def test_a_mask_the_data_does_not_have(config, tmp_path):
    with pytest.raises(
        ConfigError, match=r"^objective.mask: `union` needs a mask of every fixed image .* `mask: none`.$"
    ):
        trained(config, tmp_path / "run", "objective.mask=union")


def test_what_a_part_finds_wrong_is_said_without_keras_own_words(config, tmp_path):
    """Errors of a term and of the strategy, which are raised within Keras' calls."""
    with pytest.raises(ConfigError, match=r"^similarity `patch_contrast` looks at the network's features .* do.$"):
        trained(config, tmp_path / "a", "objective.terms.contrast={similarity: patch_contrast}")
    with pytest.raises(ConfigError, match=r"^strategy.symmetric: this network gives no inverse .* that does.$"):
        trained(config, tmp_path / "b", "strategy={name: unsupervised, symmetric: true}")


def test_two_stages_run_in_order(config, tmp_path):
    data = yaml.safe_load(config.read_text())
    data["stages"].append({**data["stages"][0], "name": "again"})
    config.write_text(yaml.safe_dump(data))
    run = trained(config, tmp_path / "run", "trainer.steps=2")
    assert (run.stage_path(2).name, run.finished(1), run.finished(2)) == ("2-again", True, True)
    with open(run.stage_path(2) / "metrics.csv") as file:
        assert len(list(csv.DictReader(file))) == 6


def test_differences_name_keys():
    before = {"seed": 1, "stages": [{"a": 1, "b": [1, 2]}], "evaluation": None}
    after = {"seed": 1, "stages": [{"a": 2, "b": [1, 2, 3]}], "evaluation": {}}
    found = differences(before, after)
    assert found == {
        "stages.0.a": "stages.0.a: was 1, is 2",
        "stages.0.b": "stages.0.b: was [1, 2], is [1, 2, 3]",
    }


@pytest.mark.parametrize(
    ("given", "expected"), [({"metrics": ["folds"]}, [0.3]), ({"metrics": ["folds"], "lambdas": [0.2]}, [0.2])]
)
def test_a_conditioned_run_is_evaluated_where_it_was_validated(config, tmp_path, given, expected):
    """No lambda can have been chosen when training ends; without this the run would end in an error."""
    conditioned = [f"{STAGE}.model.conditioning=film", f"{STAGE}.objective.lambda=uniform"]
    settings = [*conditioned, f"{STAGE}.trainer.validation_lambda=0.3", f"evaluation={json.dumps(given)}"]
    run = Run(tmp_path)
    assert _evaluation(load_experiment(config, settings), run).lambdas == expected
    assert _evaluation(load_experiment(config, ["evaluation={metrics: [folds]}"]), run).lambdas is None
    fixed = [conditioned[0], f"{STAGE}.objective.lambda=0.7", f"evaluation={json.dumps(given)}"]
    assert _evaluation(load_experiment(config, fixed), run).lambdas == given.get("lambdas", [0.7])
    (tmp_path / "lambda.json").touch()  # one has been chosen: it is looked up there
    assert _evaluation(load_experiment(config, settings), run).lambdas == given.get("lambdas")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "objective.lambda=uniform",
            "stage `registration`: objective.lambda: `uniform` needs a network that takes lam",
        ),
        ("model.conditioning=film", "stage `registration`: objective.lambda: network `voxelmorph` is conditioned on"),
        (
            "strategy.name=mixcl",
            "stage `registration`: strategy `mixcl` trains networks that give embeddings and reconstructions, and "
            "`voxelmorph` gives displacement. Strategies for it: .*`unsupervised`.* Networks for `mixcl`: `mixcl`.",
        ),
        (
            "model={name: densefuse}",
            "strategy `unsupervised` trains networks that give displacement, and `densefuse` gives reconstructions. "
            "Strategies for it: `reconstruction`. Networks for `unsupervised`: .*`voxelmorph`",
        ),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(config, tmp_path, setting, message):
    with pytest.raises(ConfigError, match=message):
        trained(config, tmp_path / "run", setting)
    assert not (tmp_path / "run").exists()


def test_lambdas_to_evaluate_at_need_a_conditioned_network(config, tmp_path):
    experiment = load_experiment(config, ["evaluation={lambdas: [0.1], metrics: [folds]}"])
    with pytest.raises(ConfigError, match=r"evaluation.lambdas: network `voxelmorph` of stage `registration` takes no"):
        train(experiment, tmp_path / "run")


def test_other_workers_wait_for_the_chiefs_weights(config, tmp_path):
    run = trained(config, tmp_path / "run", "trainer.steps=0")
    wait_for_chief(run, 1, seconds=0.0)
    (run.stage_path(1) / "model.keras").unlink()
    with pytest.raises(
        TrainingError, match="model.keras: the first worker has not written it. The workers of a job wi"
    ):
        wait_for_chief(run, 1, seconds=0.3)


def test_label_maps_to_evaluate_with_are_looked_at_before_anything_is_trained(config, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    write_subjects(folder)
    moved = np.eye(4)
    moved[0, 3] = 0.2
    labels = nib.load(folder / "bert_labels.nii.gz")
    nib.save(nib.Nifti1Image(np.asanyarray(labels.dataobj), moved), folder / "bert_labels.nii.gz")
    data = small_experiment(folder)["stages"][0]["data"] | {"augmentations": []}
    data["dataset"] |= {"train": ["anna", "cleo"], "validation": None, "test": ["bert", "dina"]}
    settings = [f"{STAGE}.data={json.dumps(data)}", "evaluation={metrics: [dice]}"]
    told = r"bert_labels.nii.gz: lies on another grid than its image .*at x -0.3..10.7.*; the image: .*at x -0.5..10.5"
    with pytest.raises(DataError, match=told) as error:
        train(load_experiment(config, settings), tmp_path / "run")
    assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_data_that_are_not_there_leave_no_run_behind(config, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        trained(config, tmp_path / "run", "data.dataset.images=/nowhere/*.nii.gz", "data.dataset.labels=null")
    assert not (tmp_path / "run").exists()
