"""Order, look-ahead, errors and waiting of the loader."""

import threading
import time

import pytest

from tfregkit.training.loader import Loader


def test_batches_come_in_order_though_later_ones_are_ready_first():
    def make(step):
        time.sleep(0.02 * (7 - step))
        return step

    loader = Loader(make, start=2, stop=7, workers=3, prefetch=3)
    assert list(loader) == [2, 3, 4, 5, 6]
    loader.close()


def test_it_works_ahead_but_no_further_than_asked():
    made = []
    loader = Loader(made.append, start=0, stop=100, workers=2, prefetch=3)
    time.sleep(0.2)
    assert sorted(made, key=str) == [0, 1, 2]
    next(loader)
    time.sleep(0.2)
    assert len(made) == 4
    loader.close()


def test_a_step_does_not_wait_when_making_is_faster_than_training():
    loader = Loader(lambda step: time.sleep(0.02), start=0, stop=20, workers=2, prefetch=4)
    waits = []
    for _ in range(20):
        next(loader)
        waits.append(loader.waited)
        time.sleep(0.04)  # the training step
    loader.close()
    assert sum(waits[2:]) < 0.1 * 18 * 0.04


def test_waiting_is_seen_when_making_is_slower():
    loader = Loader(lambda step: time.sleep(0.05), start=0, stop=3, workers=1, prefetch=1)
    next(loader)
    next(loader)
    loader.close()
    assert loader.waited > 0.02


def test_an_error_is_raised_at_its_own_step():
    def make(step):
        if step == 2:
            raise ValueError("scan 2 is broken")
        return step

    loader = Loader(make, start=0, stop=5, workers=2, prefetch=4)
    assert [next(loader), next(loader)] == [0, 1]
    with pytest.raises(ValueError, match="scan 2 is broken"):
        next(loader)
    loader.close()


def test_close_ends_the_threads():
    loader = Loader(lambda step: time.sleep(0.01), start=0, stop=1000, workers=3, prefetch=50)
    loader.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("loader")]
