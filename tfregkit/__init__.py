"""tfregkit: learning-based deformable registration of medical images. Importing it loads no Keras."""

from __future__ import annotations

from typing import Any

from tfregkit.hookspecs import hookimpl

__version__ = "0.1.0"
__all__ = ["__version__", "build", "hookimpl", "load"]


def build(kind: str, name: str, /, **parameters: Any) -> Any:
    """Build a component with the same constructor the YAML calls: `build("similarity", "ncc", window=9)`.

    Args:
        kind: One of the kinds `tfregkit plugins` lists.
        name: The component's registered name.
        **parameters: The constructor's keyword arguments. A parameter that is itself a component takes an instance or
            a mapping `{"name": ..., ...}`.

    Raises:
        ConfigError: For an unknown kind, name or parameter, or a value of the wrong type.
    """
    from tfregkit.config.build import build_component

    return build_component(kind, {**parameters, "name": name})


def load(run: Any, **options: Any) -> Any:
    """Open a trained run: `load("runs/x").register("moving.nii.gz", "fixed.nii.gz")`, see `inference.Registration`.

    A run whose network segments gives an `inference.Segmenter`: `load("runs/y").segment("image.nii.gz")`.
    """
    from tfregkit.inference.registration import load_run

    return load_run(run, **options)
