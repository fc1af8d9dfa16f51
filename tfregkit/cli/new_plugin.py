"""`tfregkit new-plugin`."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import click

TEMPLATE = Path(__file__).parent / "template"
PACKAGE, MODULE = "my-plugin", "my_plugin"
"""The names in the template, replaced by those asked for."""


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), default=Path(), help="Where to put it. Default: here."
)
def command(name: str, folder: Path) -> None:
    """Write a package NAME (`acme-losses`) with a similarity of your own, ready to install.

    It holds one similarity, a test that checks it against the rules all similarities keep, and a configuration that
    trains with it. Change the formula, rename things, add components; the README in it says how.
    """
    from tfregkit.files import atomic_path

    package, module = names(name)
    target = folder / package
    if target.exists():
        raise click.UsageError(f"{target} exists already. Choose another name or --dir.")
    with atomic_path(target) as aside:
        write(aside, package, module)
    click.echo(
        f"Wrote {target}. Next:\n  cd {target}\n  pip install -e '.[test]'\n  pytest\n"
        f"  tfregkit plugins similarity {module}_charbonnier\n  tfregkit train example.yaml"
    )


def names(name: str) -> tuple[str, str]:
    """The package's name and that of its module.

    Raises:
        click.UsageError: When they cannot be names of a package, or are taken.
    """
    package = re.sub(r"[-_.]+", "-", name.lower())
    module = package.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", package) or keyword.iskeyword(module):
        raise click.UsageError(f"`{name}` cannot name a package. Expected words such as `acme-losses`.")
    if package in ("tfregkit", "tfregkit-plugins"):
        raise click.UsageError(f"`{name}` is taken by tfregkit itself.")
    return package, module


def write(target: Path, package: str, module: str) -> None:
    """Copy the template under other names."""
    for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        place = target / str(source.relative_to(TEMPLATE)).replace(MODULE, module)
        place.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8").replace(PACKAGE, package).replace(MODULE, module)
        place.write_text(text, encoding="utf-8")
