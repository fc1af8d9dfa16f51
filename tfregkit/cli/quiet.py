"""Loading Keras without the notes its native libraries print before any of their settings can silence them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def load_keras(quiet: bool = True) -> None:
    """Import Keras and its backend, once. With `quiet`, their start-up notes are dropped, unless the import fails."""
    if "keras" in sys.modules:
        return
    if not quiet:
        import keras  # noqa: F401

        return
    with _stderr_held_back():
        import keras  # noqa: F401


@contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Hold back what is written to the process's standard error, native code included; print it after an exception."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(original, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
