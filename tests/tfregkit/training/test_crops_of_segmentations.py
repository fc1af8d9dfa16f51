"""Networks that learn to segment from crops: validation and evaluation see whole scans by windows of the crop."""

import numpy as np
import pandas as pd
import pytest
import yaml
from rich.console import Console
from segmentation_data import segmentation_experiment

import tfregkit
from tfregkit.config.experiment import load_experiment
from tfregkit.data.opening import open_data
from tfregkit.ops.class_maps import class_numbers
from tfregkit.training.callbacks.validation import dice
from tfregkit.training.run import Run
from tfregkit.training.stage import Stage
from tfregkit.training.train import train

CROP = [8, 8, 12]


@pytest.mark.parametrize("mode", ["resample", "own"])
def test_validation_dice_is_that_of_whole_scans_by_windows(subjects, tmp_path, mode):
    plan = segmentation_experiment(subjects)
    (stage,) = plan["stages"]
    stage["data"] |= {"crop": CROP, "grid": {"mode": mode}, "augmentations": []}
    stage["trainer"] = {"steps": 2, "learning_rate": 0.03, "validate_every": 2, "checkpoint_every": 2}
    plan["evaluation"] = {"metrics": ["dice"], "pictures": 0}
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(plan))
    run = train(load_experiment(path), tmp_path / "run")
    settings = run.experiment.stages[0].data
    network = run.network()
    data = open_data(settings, seed=3, batch_size=1, stride=network.stride, labels=True, roles=("fixed",))
    (pair,) = data.validation
    batch = data.train.pair(pair, whole=True)
    sizes = np.array(batch["fixed"].shape[1:4])
    assert (sizes >= CROP).all()
    assert (sizes > CROP).any()
    total = np.zeros((*sizes + (-sizes % 2), 3))
    weight = np.zeros(total.shape[:3])
    padded = np.pad(batch["fixed"], [(0, 0), *((0, more) for more in -sizes % 2), (0, 0)], mode="edge")
    starts = [_starts(size, side) for size, side in zip(padded.shape[1:4], CROP, strict=True)]
    for place in np.stack(np.meshgrid(*starts, indexing="ij"), -1).reshape(-1, 3):
        box = tuple(slice(at, at + side) for at, side in zip(place, CROP, strict=True))
        logits = np.asarray(network({"fixed": padded[(slice(None), *box)]})["logits"])[0]
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        ramp = _ramp(place, starts)
        total[box] += ramp[..., None] * odds / odds.sum(-1, keepdims=True)
        weight[box] += ramp
    np.testing.assert_allclose(weight, 1, rtol=1e-5)
    likely = total[tuple(map(slice, sizes))]
    found = likely.argmax(-1)
    truth = np.asarray(class_numbers(batch["fixed_labels"], list(network.structures.values())))[0, ..., 0]
    metrics = pd.read_csv(run.stage_path(1) / "metrics.csv")
    assert metrics["val_dice"].iloc[-1] == pytest.approx(dice(truth, found), abs=2e-3)
    classes = np.eye(3)[truth][None].astype("float32")
    overlap = float(tfregkit.build("similarity", "soft_dice")(classes, likely[None].astype("float32"))[0])
    entropy = -np.log((classes[0] * likely).sum(-1)).mean()
    assert metrics["val_loss"].iloc[-1] == pytest.approx(overlap + entropy, rel=1e-3)
    assert tfregkit.load(run.path).crop == tuple(CROP)
    assert (run.path / "evaluation" / "summary.csv").is_file()


def _starts(size, side):
    """Where windows begin that share at least a quarter of their side, down to a multiple of 2, along one axis."""
    step = side - side // 4 // 2 * 2
    count = -(-(size - side) // step)
    return [k * ((size - side) // 2) // count * 2 for k in range(count + 1)] if count else [0]


def _ramp(place, starts):
    """Weights that fall linearly over what two neighbours share; only two share anything here."""
    ramps = []
    for at, own, side in zip(place, starts, CROP, strict=True):
        voxels, ramp = np.arange(side) + 0.5, np.ones(side)
        k = own.index(at)
        if k and own[k - 1] + side > at:
            ramp = np.minimum(ramp, voxels / (own[k - 1] + side - at))
        if k + 1 < len(own) and at + side > own[k + 1]:
            ramp = np.minimum(ramp, (side - voxels) / (at + side - own[k + 1]))
        ramps.append(ramp)
    return np.einsum("i,j,k->ijk", *ramps)


def test_crops_of_training_are_centred_on_what_is_segmented(subjects, tmp_path):
    plan = segmentation_experiment(subjects)
    (stage,) = plan["stages"]
    stage["data"] |= {"crop": CROP, "grid": {"mode": "own"}, "augmentations": [], "crop_foreground": 1.0}
    path, centres = tmp_path / "c.yaml", {}
    for names in ({"core": 2}, {"shell": 1, "core": 2}):
        stage["model"]["labels"] = names
        path.write_text(yaml.safe_dump(plan))
        experiment = load_experiment(path)
        run = Run.create(tmp_path / "-".join(names), experiment)
        data = Stage(run, 1, experiment.stages[0], 3, False, Console(quiet=True)).data
        middles = [data.train.batch(step)["fixed_labels"][0, 4, 4, 6, 0] for step in range(40)]
        centres[len(names)] = sum(middle == 2 for middle in middles)
    assert centres[1] > centres[2] + 8  # all that the borders let, and half of them
