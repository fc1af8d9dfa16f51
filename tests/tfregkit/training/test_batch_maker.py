"""Lambda and the replicas' shares of a batch."""

import numpy as np
import pytest

from tfregkit.backend.distribution import Distribution
from tfregkit.errors import ConfigError
from tfregkit.training.batch_maker import BatchMaker


class Numbers:
    """A data side whose items are numbered."""

    batch_size, seed = 6, 11

    def batch(self, step, replica=0, replicas=1):
        share = self.batch_size // replicas
        return {"fixed": np.arange(share) + step * self.batch_size + replica * share}


def made(lam, replicas=1, local=range(1)):
    return BatchMaker(Numbers(), Distribution(replicas, local), lam)


def test_shares_of_all_replicas_are_the_whole_batch_lambda_included():
    (whole,) = made("uniform")(4)
    shares = [share for worker in (range(0, 2), range(2, 3)) for share in made("uniform", 3, worker)(4)]
    for name in ("fixed", "lam"):
        np.testing.assert_array_equal(np.concatenate([share[name] for share in shares]), whole[name])


def test_uniform_lambda_depends_on_the_step_only_and_fills_the_interval():
    maker = made("uniform")
    np.testing.assert_array_equal(maker(3)[0]["lam"], made("uniform")(3)[0]["lam"])
    drawn = np.concatenate([maker(step)[0]["lam"] for step in range(200)])
    assert drawn.shape == (1200, 1)
    assert drawn.dtype == np.float32
    assert len(np.unique(drawn)) > 1190
    np.testing.assert_allclose(np.quantile(drawn, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.04)


def test_a_number_and_none():
    np.testing.assert_array_equal(made(0.25)(0)[0]["lam"], np.full((6, 1), 0.25, "float32"))
    assert list(made(None)(0)[0]) == ["fixed"]


def test_a_batch_that_cannot_be_shared():
    with pytest.raises(ConfigError, match="trainer.batch_size: 6 cannot be shared by 4 devices. Use a multiple of 4"):
        made(None, 4)


def test_noise_is_drawn_for_every_item_and_step():
    maker = BatchMaker(Numbers(), Distribution(2, range(2)), "uniform", noise=True)
    first, second = maker(5)
    assert first["noise"].shape == (3, 4096)
    assert first["noise"].dtype == np.float32
    (whole,) = BatchMaker(Numbers(), Distribution(1, range(1)), None, noise=True)(5)
    np.testing.assert_array_equal(np.concatenate([first["noise"], second["noise"]]), whole["noise"])
    assert len(np.unique(whole["noise"][:, 0])) == 6
    assert not np.array_equal(maker(6)[0]["noise"], first["noise"])
    assert abs(whole["noise"].mean() - 0.5) < 0.01
    assert whole["noise"].min() >= 0
    assert whole["noise"].max() < 1
