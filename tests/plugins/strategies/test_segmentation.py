"""What the segmentation step shows to the objective."""

import numpy as np
import pytest
from keras import ops
from references.overlap import class_maps, cross_entropy, soft_dice_loss

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.objective.objective import Objective
from tfregkit_plugins.strategies.segmentation import Segmentation

SHAPE = (2, 5, 7, 3)
RNG = np.random.default_rng(1)
LABELS = RNG.choice([0, 4, 9, 2, 77], (*SHAPE, 1)).astype(np.int32)
BATCH = {
    "fixed": RNG.random((*SHAPE, 1), dtype="float32"),
    "fixed_labels": LABELS,
    "fixed_mask": RNG.random((*SHAPE, 1), dtype="float32"),
}
LOGITS = RNG.normal(size=(*SHAPE, 3)).astype("float32")


class Known:
    """A network whose logits do not depend on the image."""

    structures = {"two": (2,), "more": (9, 4)}

    def __call__(self, inputs, training=None):
        assert list(inputs) == ["fixed"]
        return {"logits": ops.convert_to_tensor(LOGITS)}


def objective(mask="none"):
    terms = {name: tfregkit.build("similarity", name) for name in ("soft_dice", "cross_entropy")}
    return Objective(terms=terms, weights={"cross_entropy": 0.5}, mask=mask)


@pytest.mark.parametrize("mask", ["none", "fixed"])
def test_the_terms_are_those_of_classes_and_probabilities(mask):
    found = Segmentation()(BATCH, network=Known(), objective=objective(mask), training=True)
    powers = np.exp(LOGITS.astype(float))
    probabilities = powers / powers.sum(-1, keepdims=True)
    for item in range(2):
        truth = class_maps(LABELS[item, ..., 0], [(2,), (9, 4)])
        weights = BATCH["fixed_mask"][item, ..., 0] if mask == "fixed" else np.ones(SHAPE[1:])
        dice = soft_dice_loss(truth, probabilities[item], weights)
        entropy = cross_entropy(truth, LOGITS[item].astype(float), weights)
        np.testing.assert_allclose(ops.convert_to_numpy(found["soft_dice"])[item], dice, rtol=1e-4)
        np.testing.assert_allclose(ops.convert_to_numpy(found["cross_entropy"])[item], entropy, rtol=1e-4)
        np.testing.assert_allclose(ops.convert_to_numpy(found["total"])[item], dice + 0.5 * entropy, rtol=1e-4)


def test_it_asks_for_labels_of_single_scans():
    assert Segmentation.needs == ("labels",)
    assert Segmentation.roles == ("fixed",)


def test_what_does_not_go_together_is_said():
    with pytest.raises(ConfigError, match=r"objective.mask: `union` is not there for strategy `segmentation`"):
        Segmentation()(BATCH, network=Known(), objective=objective("union"))
    bare = {name: BATCH[name] for name in ("fixed", "fixed_labels")}
    with pytest.raises(ConfigError, match="`fixed` is, where every image has a mask"):
        Segmentation()(bare, network=Known(), objective=objective("fixed"))
