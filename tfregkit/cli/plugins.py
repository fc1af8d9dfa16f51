"""`tfregkit plugins`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tfregkit.registry import Entry, Registry


@click.command("plugins")
@click.argument("kind", required=False)
@click.argument("name", required=False)
def command(kind: str | None, name: str | None) -> None:
    """List the components a configuration may name.

    Without arguments: all kinds, and the packages they come from. With KIND (`similarity`, `network`, ...): the
    components of that kind. With KIND and NAME: its parameters, their defaults and meaning.

    Packages that could not be loaded are listed with the reason. TFREGKIT_PLUGINS=a,b restricts third-party packages
    to those named (empty: none).
    """
    from tfregkit.registry import current

    registry = current()
    if kind is None:
        _overview(registry)
    elif name is None:
        _kind(registry, kind)
    else:
        _component(registry.get(kind, name))


def _overview(registry: Registry) -> None:
    packages: dict[str, int] = {}
    for kind in registry.kinds:
        entries = [registry.get(kind, name) for name in registry.names(kind)]
        click.echo(f"{click.style(f'{kind:<14}', bold=True)}{', '.join(entry.name for entry in entries) or '-'}")
        for entry in entries:
            package = f"{entry.origin.package} {entry.origin.version}"
            packages[package] = packages.get(package, 0) + 1
    click.echo("\nPackages")
    for package, count in sorted(packages.items()):
        click.echo(f"  {package}: {count} component{'s' if count > 1 else ''}")
    for origin in registry.plugins.switched_off:
        click.echo(f"  {origin}: switched off")
    for failure in registry.plugins.failures:
        click.secho(f"  {failure}", fg="red")
    click.echo("\nMore: tfregkit plugins KIND [NAME]")


def _kind(registry: Registry, kind: str) -> None:
    from tfregkit.config.describe import summary

    names = registry.names(kind)
    width = max(map(len, names), default=0) + 2
    for name in names:
        entry = registry.get(kind, name)
        source = "" if entry.origin.first_party else f"   [{entry.origin.package} {entry.origin.version}]"
        click.echo(f"{click.style(f'{name:<{width}}', bold=True)}{summary(entry.component)}{source}")
    if not names:
        click.echo(f"No {kind} is installed.")


def _component(entry: Entry) -> None:
    import textwrap

    from tfregkit.config.describe import REQUIRED, component_parameters, summary

    click.echo(f"{entry.kind} {click.style(entry.name, bold=True)}: {summary(entry.component)}")
    click.echo(f"  from {entry.origin.package} {entry.origin.version}, {entry.component.__module__}")
    parameters = component_parameters(entry.component)
    if not parameters:
        click.echo("\nIt has no parameters.")
    for parameter in parameters:
        default = "required" if parameter.default == REQUIRED else f"default {parameter.default}"
        click.echo(f"\n  {click.style(parameter.key, bold=True)}: {parameter.type}, {default}")
        for line in textwrap.wrap(parameter.description, 100):
            click.echo(f"      {line}")
    required = "".join(f", {p.key}: ..." for p in parameters if p.default == REQUIRED)
    click.echo(f"\nIn a configuration:  {{name: {entry.name}{required}}}")
