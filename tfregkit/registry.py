"""The components that configurations may name: `(kind, name)` to class, each with the package it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tfregkit.config.schema import check_constructor
from tfregkit.errors import ConfigError, PluginError
from tfregkit.plugins import Origin, Plugins, loaded
from tfregkit.wording import did_you_mean, one_of

_active: ContextVar[Registry | None] = ContextVar("active", default=None)


@dataclass(frozen=True)
class Entry:
    """One registered component."""

    kind: str
    name: str
    component: type
    origin: Origin


class Registrar:
    """What a plugin's `register_components` receives: one method per kind, `registry.similarity("ncc", NCC)`.

    It knows which package it serves. What a package registers counts only when its hook ends without an error.
    """

    def __init__(self, origin: Origin, kinds: dict[str, type]) -> None:
        self.entries: list[Entry] = []
        self._origin = origin
        self._kinds = kinds

    def similarity(self, name: str, component: type) -> None:
        self._add("similarity", name, component)

    def regularizer(self, name: str, component: type) -> None:
        self._add("regularizer", name, component)

    def encoder(self, name: str, component: type) -> None:
        self._add("encoder", name, component)

    def decoder(self, name: str, component: type) -> None:
        self._add("decoder", name, component)

    def network(self, name: str, component: type) -> None:
        self._add("network", name, component)

    def stitcher(self, name: str, component: type) -> None:
        self._add("stitcher", name, component)

    def strategy(self, name: str, component: type) -> None:
        self._add("strategy", name, component)

    def dataset(self, name: str, component: type) -> None:
        self._add("dataset", name, component)

    def augmentation(self, name: str, component: type) -> None:
        self._add("augmentation", name, component)

    def metric(self, name: str, component: type) -> None:
        self._add("metric", name, component)

    def _add(self, kind: str, name: str, component: type) -> None:
        """Record one component after the checks whose failure is the package's fault, not the configuration's."""
        base = self._kinds[kind]
        if not (isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)):
            raise PluginError(f"{kind} `{name}`: expected a snake_case name, as in `local_mi`.")
        if not (isinstance(component, type) and issubclass(component, base)):
            raise PluginError(
                f"{kind} `{name}`: expected a class derived from `tfregkit.api.{base.__name__}`. "
                f"Received: {component!r}"
            )
        check_constructor(component, f"{kind} `{name}`")
        self.entries.append(Entry(kind, name, component, self._origin))


class Registry:
    """All components of all plugins. A name is never overwritten: two packages with one name is an error."""

    def __init__(self, plugins: Plugins) -> None:
        from tfregkit.api import KINDS

        self.kinds = KINDS
        self.plugins = plugins
        self._entries: dict[tuple[str, str], Entry] = {}
        registrars: dict[Origin, Registrar] = {}

        def arguments(origin: Origin) -> dict[str, Any]:
            registrars[origin] = Registrar(origin, self.kinds)
            return {"registry": registrars[origin]}

        for origin, _ in plugins.call_each("register_components", arguments):
            for entry in registrars[origin].entries:
                self._commit(entry)

    def names(self, kind: str) -> list[str]:
        """The names of one kind, sorted.

        Raises:
            ConfigError: For an unknown kind.
        """
        if kind not in self.kinds:
            raise ConfigError(
                f"unknown kind `{kind}`.{did_you_mean(kind, self.kinds)}\n  kinds: {', '.join(self.kinds)}"
            )
        return sorted(name for of_kind, name in self._entries if of_kind == kind)

    def get(self, kind: str, name: str) -> Entry:
        """One component.

        Raises:
            ConfigError: For an unknown kind or name; the message suggests near names and tells of broken packages.
        """
        known = self.names(kind)
        if name not in known:
            raise ConfigError("\n".join(self.unknown(kind, name, known)))
        return self._entries[kind, name]

    def unknown(self, kind: str, name: object, known: list[str]) -> list[str]:
        """The lines that explain an unknown name."""
        lines = [f"unknown {kind} `{name}`.{did_you_mean(name, known)}"]
        lines.append(f"  known: {one_of(known) or 'none'}   (tfregkit plugins {kind})")
        lines += [f"  Note: {failure}" for failure in self.plugins.failures]
        lines += [f"  Note: {origin} is switched off." for origin in self.plugins.switched_off]
        return lines

    def _commit(self, entry: Entry) -> None:
        first = self._entries.get((entry.kind, entry.name))
        if first is not None:
            other = entry.origin if first.origin.first_party or not entry.origin.first_party else first.origin
            raise PluginError(
                f"{entry.kind} `{entry.name}` is registered twice: by {first.origin} and by {entry.origin}.\n"
                f"  Rename one, uninstall one, or put in the configuration:  plugins: {{disable: [{other.package}]}}"
            )
        self._entries[entry.kind, entry.name] = entry


@lru_cache(maxsize=8)
def _installed(disabled: frozenset[str]) -> Registry:
    return Registry(loaded(disabled))


def current() -> Registry:
    """The registry in use: that of the innermost `using` or `without`, else of all installed packages. Loads Keras."""
    return _active.get() or _installed(frozenset())


@contextmanager
def using(registry: Registry) -> Iterator[Registry]:
    """Make a registry the one in use within the block."""
    token = _active.set(registry)
    try:
        yield registry
    finally:
        _active.reset(token)


@contextmanager
def without(packages: list[str]) -> Iterator[Registry]:
    """Leave packages out within the block: a configuration's `plugins: {disable: [...]}`."""
    with using(_installed(frozenset(packages)) if packages else current()) as registry:
        yield registry
