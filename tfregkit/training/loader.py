"""Batches prepared ahead on threads, in order, with the time spent waiting for them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Loader(Iterator[Any]):
    """Gives `make(start), make(start + 1), ..., make(stop - 1)`, computed by `workers` threads up to `prefetch` ahead.

    An exception of `make` is raised where its batch is asked for. `waited` is how many seconds the latest `next`
    waited.

    Args:
        make: A pure function of the step, called from several threads at once.
        start: The first step.
        stop: One past the last.
        workers: Threads.
        prefetch: Batches kept ready.
    """

    def __init__(self, make: Callable[[int], Any], *, start: int, stop: int, workers: int, prefetch: int) -> None:
        self._make, self._next, self._stop = make, start, stop
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="loader")
        self._ahead: deque[Future[Any]] = deque()
        self.waited = 0.0
        for _ in range(prefetch):
            self._submit()

    def __next__(self) -> Any:
        if not self._ahead:
            raise StopIteration
        begun = time.perf_counter()
        batch = self._ahead.popleft().result()
        self.waited = time.perf_counter() - begun
        self._submit()
        return batch

    def close(self) -> None:
        """Drop what is ahead and end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._ahead.clear()

    def _submit(self) -> None:
        if self._next < self._stop:
            self._ahead.append(self._pool.submit(self._make, self._next))
            self._next += 1
