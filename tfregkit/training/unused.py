"""Weights that the loss does not depend on."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

KERAS = "Gradients do not exist for variables"


@contextmanager
def unused_weights_told(tell: Callable[[str], object]) -> Iterator[None]:
    """Say what Keras warns of in words for who wrote the configuration: which weights stay as they are, and why.

    Args:
        tell: Called with the message; all other warnings are shown as before.
    """
    with warnings.catch_warnings():
        shown, told = warnings.showwarning, set()

        def show(message: Any, *where: Any, **more: Any) -> None:
            text = str(message)
            if not text.startswith(KERAS):
                shown(message, *where, **more)
            elif text not in told:  # it comes each time a step is traced
                told.add(text)
                tell(_said(re.findall(r"'([^']+)'", text)))

        warnings.showwarning = show
        yield


def layers_of(path: str) -> str:
    """A weight's path by the kinds of its layers: Keras' numbers of them differ from process to process."""
    return re.sub(r"_\d+(?=/|$)", "", path)


def _said(paths: list[str]) -> str:
    counts = Counter(layers_of(path).removeprefix("trainer/").rpartition("/")[0] for path in paths)
    layers = ", ".join(f"{layer} ({count})" for layer, count in counts.items())
    return f"{len(paths)} weights stay as they are, for no term of the objective depends on them: {layers}"
