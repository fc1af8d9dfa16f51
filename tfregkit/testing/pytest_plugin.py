"""Fixtures for authors of plugins, in every pytest session where tfregkit is installed. No Keras at module level."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest


@pytest.fixture
def tfregkit_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """A function that makes a registry of tfregkit's own components and of the plugins given, for this test only.

    Other packages that happen to be installed are left out, so that a test means the same on every machine:

    ```python
    def test_builds_from_a_configuration(tfregkit_registry):
        tfregkit_registry(acme_losses)
        assert tfregkit.build("similarity", "huber_ncc", delta=0.1).delta == 0.1
    ```
    """
    from tfregkit.plugins import RESTRICTION, Origin, discover

    monkeypatch.setenv(RESTRICTION, "")
    with ExitStack() as stack:

        def use(*plugins: Any) -> Any:
            from tfregkit.registry import Registry, using

            found = discover()
            for plugin in plugins:
                name = getattr(plugin, "__name__", type(plugin).__name__)
                found.add(f"test/{name}", Origin(name, "0", name), lambda plugin=plugin: plugin)
            registry = Registry(found)
            for failure in found.failures:
                raise failure.error
            return stack.enter_context(using(registry))

        yield use
