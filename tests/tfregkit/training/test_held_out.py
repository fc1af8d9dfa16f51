"""Batches of validation pairs beside those of training."""

import numpy as np
import pytest

from tfregkit.backend.distribution import Distribution
from tfregkit.data.base import Pair, Subject
from tfregkit.data.module import DataModule
from tfregkit.errors import ConfigError, DataError
from tfregkit.training import held_out
from tfregkit.training.batch_maker import BatchMaker
from tfregkit.training.held_out import WithHeldOut, held_out_batches


class Numbers:
    """A data side whose items are numbered."""

    batch_size = 6

    def __init__(self, seed, first=0):
        self.seed, self.first = seed, first

    def batch(self, step, replica=0, replicas=1):
        share = self.batch_size // replicas
        return {"fixed": np.arange(share) + self.first + step * self.batch_size + replica * share}


def made(replicas=1, local=range(1)):
    distribution = Distribution(replicas, local)
    train, seen = (BatchMaker(Numbers(*each), distribution, "uniform") for each in ((1, 0), (2, 1000)))
    return WithHeldOut(train, seen, lambda step: step // 3 if step % 3 == 0 else None)


def test_some_steps_have_a_batch_of_held_out_pairs_and_all_have_their_own():
    maker = made()
    for step in range(5):
        (batch,) = maker(step)
        np.testing.assert_array_equal(batch["fixed"], np.arange(6) + 6 * step)
        assert ("held_out" in batch) == (step in (0, 3))
    np.testing.assert_array_equal(maker(3)[0]["held_out"]["fixed"], np.arange(1006, 1012))
    assert "held_out" not in maker.share(3, 0)


def test_replicas_share_both_batches_and_lambdas_are_others():
    (whole,) = made()(3)
    shares = [share for worker in (range(0, 2), range(2, 3)) for share in made(3, worker)(3)]
    for name in ("fixed", "lam"):
        joined = np.concatenate([share["held_out"][name] for share in shares])
        np.testing.assert_array_equal(joined, whole["held_out"][name])
    assert not np.isin(whole["held_out"]["lam"], whole["lam"]).any()


class Recorded:
    """Stands for `Batches`: what it was made with."""

    def __init__(self, pairs, scans, **options):
        self.pairs, self.scans, self.options = pairs, scans, options


def scan(name):
    return Subject(id=name, subject=name, image=f"{name}.nii.gz")


def data(train, validation):
    ours = Recorded([Pair(*map(scan, names)) for names in train], "scans")
    ours.seed, ours.batch_size = 7, 2
    vars(ours).update(LIKE_TRAINING)
    return DataModule(ours, [Pair(*map(scan, names)) for names in validation], [], None)


KINDS = {"others": False, "subjects": True, "labels": False}
LIKE_TRAINING = {
    "crop": (8, 8, 8), "foreground": 0.3, "foreground_labels": (2,), "roles": ("fixed",), "distortions": ["gamma"],
    "draw": dict,
}  # fmt: skip


def test_they_are_like_the_training_batches_but_not_augmented_nor_in_the_same_order(monkeypatch):
    monkeypatch.setattr(held_out, "Batches", Recorded)
    found = held_out_batches(data(["ab", "ba"], ["cd"]), "bilevel", **KINDS)
    assert [pair.id for pair in found.pairs] == ["c_to_d"]
    options = dict(found.options)
    assert options.pop("seed") != 7
    assert options == {"batch_size": 2, **LIKE_TRAINING, **KINDS}


def test_an_atlas_may_be_in_both(monkeypatch):
    monkeypatch.setattr(held_out, "Batches", Recorded)
    assert held_out_batches(data(["az", "bz"], ["cz"]), "bilevel", **KINDS).pairs


@pytest.mark.parametrize(
    ("validation", "error", "match"),
    [
        ([], ConfigError, "strategy `bilevel` learns from validation pairs, and this data set has none"),
        (["cd", "ac"], DataError, "strategy `bilevel`: subject `a` is in two splits: `train` and `validation`"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(validation, error, match):
    with pytest.raises(error, match=match):
        held_out_batches(data(["ab", "ba"], validation), "bilevel", **KINDS)
