"""The state of a stage on disk: one `.npz` file per checkpoint, whole or not at all, nothing pickled."""

from __future__ import annotations

import errno
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from tfregkit.errors import RunError, TrainingError
from tfregkit.files import atomic_path

Groups = dict[str, list[Any]]
"""Variables by group: `network`, `objective`, `strategy`, `optimizer`."""


class Checkpoints:
    """A folder with `step-00001000.npz` files, the latest `keep` of them, and `best.npz`.

    An array's name is `group/number`; names, shapes and facts (step, best value, input shapes) are JSON under `about`.

    Args:
        folder: Where the files lie.
        keep: How many of the latest stay.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep

    @property
    def best(self) -> Path:
        return self.folder / "best.npz"

    def steps(self) -> list[int]:
        """The steps of the checkpoints on disk, ascending."""
        names = (re.fullmatch(r"step-(\d+)\.npz", path.name) for path in self.folder.glob("step-*.npz"))
        return sorted(int(match.group(1)) for match in names if match)

    def path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.npz"

    def save(self, step: int, groups: Groups, facts: dict[str, Any]) -> Path:
        """Write the checkpoint of a step, then drop the oldest.

        Raises:
            TrainingError: When a value is not finite, or the disk is full or not writable; the checkpoints before are
                untouched.
        """
        path = self._write(self.path(step), groups, {**facts, "step": step})
        for old in self.steps()[: -self.keep]:
            self.path(old).unlink(missing_ok=True)
        return path

    def save_best(self, step: int, groups: Groups, facts: dict[str, Any]) -> Path:
        """Write weights as the best so far."""
        return self._write(self.best, groups, {**facts, "step": step})

    def _write(self, path: Path, groups: Groups, facts: dict[str, Any]) -> Path:
        arrays, variables = {}, {}
        for group, members in groups.items():
            for number, variable in enumerate(members):
                key = f"{group}/{number:05d}"
                arrays[key] = ops.convert_to_numpy(variable)
                variables[key] = variable.path
                if arrays[key].dtype.kind == "f" and not np.isfinite(arrays[key]).all():
                    raise TrainingError(_non_finite_problem(facts["step"], variable.path, self.steps()))
        about = np.array(json.dumps({**facts, "variables": variables}))
        try:
            with atomic_path(path) as aside, open(aside, "wb") as file:
                np.savez(file, about=about, **arrays)
        except OSError as error:
            raise TrainingError(_write_problem(path, error, self.steps())) from error
        return path


def read_facts(path: Path) -> dict[str, Any]:
    """What a checkpoint says about itself."""
    return _load(path)[1]


def restore(path: Path, groups: Groups, source: str = "the configuration") -> dict[str, Any]:
    """Put a checkpoint's values into variables, after all of them have been found to fit.

    Returns:
        The facts saved with it.

    Raises:
        RunError: When the file is damaged, or belongs to another architecture: the first difference is named.
    """
    arrays, facts = _load(path)
    for group, members in groups.items():
        saved = sorted(key for key in arrays if key.startswith(f"{group}/"))
        names = facts["variables"]
        for number, variable in enumerate(members):
            key = f"{group}/{number:05d}"
            if key not in arrays:
                raise RunError(_mismatch(path, source, f"{variable.path} {tuple(variable.shape)} is not in it"))
            if tuple(arrays[key].shape) != tuple(variable.shape):
                difference = f"{names[key]} is {arrays[key].shape} there and {tuple(variable.shape)} here"
                raise RunError(_mismatch(path, source, difference))
        if len(saved) > len(members):
            raise RunError(_mismatch(path, source, f"{names[saved[len(members)]]} is not in the network here"))
    for group, members in groups.items():
        for number, variable in enumerate(members):
            variable.assign(arrays[f"{group}/{number:05d}"])
    return facts


def _load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(str(arrays.pop("about")))
    except FileNotFoundError as error:
        raise RunError(f"{path}: there is no such checkpoint.") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{path}: the checkpoint is damaged ({error}). Delete it to go on from the one before."
        ) from error
    return arrays, facts


def _mismatch(path: Path, source: str, difference: str) -> str:
    return (
        f"{path}: the checkpoint is of another architecture than {source}: {difference}. "
        "Use the configuration it was trained with, or another run directory."
    )


def _non_finite_problem(step: int, name: str, steps: list[int]) -> str:
    return (
        f"step {step}: {name} is not finite, so nothing is saved; {_kept(steps)}. Lower trainer.learning_rate, or set "
        "trainer.optimizer.global_clipnorm."
    )


def _write_problem(path: Path, error: OSError, steps: list[int]) -> str:
    reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
    return f"{path}: cannot save: {reason}; {_kept(steps)}. Make room and continue with --resume."


def _kept(steps: list[int]) -> str:
    return f"the checkpoint of step {steps[-1]} is intact" if steps else "no checkpoint was written before"
