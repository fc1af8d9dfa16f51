"""The lambda that was chosen for a run: `lambda.json` in its directory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfregkit.errors import RunError
from tfregkit.files import write_json

NAME = "lambda.json"


@dataclass(frozen=True)
class ChosenLambda:
    """A lambda and how it came to be chosen.

    Args:
        value: In [0, 1].
        weights: SHA-256 of the checkpoint it was chosen for.
        about: How it was chosen: rule, limit, pairs, measurements, date.
    """

    value: float
    weights: str
    about: dict[str, Any] = field(default_factory=dict)

    def store(self, run: Path) -> Path:
        """Write it into the run's directory, in place of an earlier one, whole or not at all."""
        path = run / NAME
        write_json(path, {"lambda": self.value, "weights_sha256": self.weights, **self.about})
        return path

    @classmethod
    def read(cls, run: Path) -> ChosenLambda | None:
        """That of a run, or None where none is stored.

        Raises:
            RunError: When the file cannot be used.
        """
        path = run / NAME
        if not path.is_file():
            return None
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            value, weights = float(about.pop("lambda")), str(about.pop("weights_sha256"))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunError(f"{path}: cannot be read ({error!r}). Delete it, or run `tfregkit sweep {run}`.") from error
        if not 0 <= value <= 1:
            raise RunError(f"{path}: `lambda` must lie in [0, 1]. Received: {value:g}")
        return cls(value, weights, about)

    def check(self, run: Path, weights: str) -> None:
        """Refuse a choice that was made for other weights.

        Raises:
            RunError: When the run has been trained on since.
        """
        if weights != self.weights:
            raise RunError(
                f"{run / NAME}: lambda {self.value:g} was chosen for other weights than the run has now. Choose anew "
                f"(`tfregkit sweep {run}`), or give one (`--lambda`)."
            )
