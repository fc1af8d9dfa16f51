"""Finding configurations: a file, or the name of one that comes with the package."""

from __future__ import annotations

from pathlib import Path

from tfregkit.errors import ConfigError
from tfregkit.wording import did_you_mean, one_of


def shipped() -> dict[str, Path]:
    """The configurations that come with the package, by name; in a checkout, those of its `configs/`."""
    package = Path(__file__).resolve().parents[1]
    folders = [package / "configs"]
    if (package.parent / "setup.py").is_file():
        folders.append(package.parent / "configs")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def find_config(name: str | Path, folder: Path | None = None) -> Path:
    """The file that `name` means: a path (relative ones start at `folder`), else a shipped configuration.

    Raises:
        ConfigError: When there is neither.
    """
    path = (folder or Path()) / Path(name).expanduser()
    if path.is_file():
        return path
    known = shipped()
    stem = str(name).removesuffix(".yaml")
    if stem in known:
        return known[stem]
    if path.is_dir():
        raise ConfigError(f"{path}: this is a folder. Expected a YAML file, such as its config.yaml.")
    raise ConfigError(
        f"{path}: no such configuration file.{did_you_mean(stem, known)}\n"
        f"  shipped with tfregkit: {one_of(known) or 'none'}"
    )
