"""How long the parts of a registration take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Add the block's wall-clock seconds to those of a part."""
    started = time.perf_counter()
    yield
    seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - started


def share(seconds: dict[str, float], parts: int) -> dict[str, float]:
    """One of `parts` equal shares of seconds that were spent for all of them together."""
    return {part: spent / parts for part, spent in seconds.items()}
