"""Conformance checks for authors of plugins. Importing this loads no Keras.

Each `check_<kind>(component)` runs all checks of its kind and fails with an explanation; `checks("similarity")` gives
them one by one for `pytest.mark.parametrize`, so that each is a test of its own:

```python
from tfregkit.testing import checks

@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check):
    check(HuberNCC(delta=0.1))
```
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

KINDS = (
    "similarity",
    "regularizer",
    "encoder",
    "decoder",
    "stitcher",
    "network",
    "strategy",
    "dataset",
    "augmentation",
    "metric",
)
__all__ = ["checks", *(f"check_{kind}" for kind in KINDS)]


def checks(kind: str) -> list[Callable[[Any], None]]:
    """The checks of one kind, each a function of a component that raises `AssertionError` when it does not conform."""
    return list(importlib.import_module(f"tfregkit.testing.{kind}").CHECKS)


def __getattr__(name: str) -> Any:
    kind = name.removeprefix("check_")
    if name == kind or kind not in KINDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def check(component: Any) -> None:
        for one in checks(kind):
            one(component)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Run all conformance checks of a {kind}. Raises `AssertionError` when one fails."
    return check
