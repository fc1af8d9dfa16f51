"""Finding and loading plugins: the entry points of the group `tfregkit`, first-party and third-party alike.

Own loader, because pluggy's lets one broken package stop the program and silently skips a second entry point of the
same name. Loading is light: plugin modules import Keras only inside `register_components`.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pluggy

from tfregkit import hookspecs
from tfregkit.errors import PluginError

GROUP = "tfregkit"
FIRST_PARTY = "tfregkit"
RESTRICTION = "TFREGKIT_PLUGINS"


@dataclass(frozen=True)
class Origin:
    """Where a plugin comes from: its installed package, and the module its entry point names."""

    package: str
    version: str
    module: str

    @property
    def first_party(self) -> bool:
        return self.package == FIRST_PARTY

    def __str__(self) -> str:
        return f"{self.package} {self.version} ({self.module})"


@dataclass(frozen=True)
class Failure:
    """A third-party plugin that could not be used, and why."""

    origin: Origin
    error: BaseException

    def __str__(self) -> str:
        return f"{self.origin} failed to load: {type(self.error).__name__}: {self.error}"


@dataclass
class Plugins:
    """The loaded plugins, with what went wrong on the way."""

    manager: pluggy.PluginManager
    origins: dict[str, Origin] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    switched_off: list[Origin] = field(default_factory=list)

    def add(self, key: str, origin: Origin, load: Callable[[], Any]) -> None:
        """Load and register one plugin. A third-party one that fails is recorded instead of stopping the program."""
        try:
            self.manager.register(load(), name=key)
            self.manager.check_pending()  # a misspelled hook would otherwise be ignored without a word
        except (Exception, SystemExit) as error:
            if self.manager.has_plugin(key):
                self.manager.unregister(name=key)
            self.fail(origin, error)
        else:
            self.origins[key] = origin

    def fail(self, origin: Origin, error: BaseException) -> None:
        """Record a failure. A broken first-party plugin means a broken installation: that is fatal."""
        failure = Failure(origin, error)
        if origin.first_party:
            raise PluginError(f"{failure}\n  Reinstall tfregkit: this is one of its own plugins.") from error
        self.failures.append(failure)

    def call_each(self, hook: str, arguments: Callable[[Origin], dict[str, Any]]) -> list[tuple[Origin, list[Any]]]:
        """Call one hook plugin by plugin, in order of name, so that each call knows its origin and fails alone.

        Args:
            hook: The hook's name.
            arguments: The hook's arguments for a plugin of that origin.

        Returns:
            `(origin, results)` of each plugin that has the hook and did not fail.
        """
        results = []
        for key, origin in sorted(self.origins.items()):
            plugin = self.manager.get_plugin(key)
            others = [p for p in self.manager.get_plugins() if p is not plugin]
            caller = self.manager.subset_hook_caller(hook, others)
            if not caller.get_hookimpls():
                continue
            try:
                results.append((origin, caller(**arguments(origin))))
            except (Exception, SystemExit) as error:
                self.fail(origin, error)
        return results


def discover(disabled: Iterable[str] = ()) -> Plugins:
    """Load the plugins of all installed packages.

    `TFREGKIT_PLUGINS=a,b` restricts third-party packages to those named (empty: none), for bug reports and tests.

    Args:
        disabled: Packages to leave out (`plugins: {disable: [...]}` in a configuration).
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    allowed = os.environ.get(RESTRICTION)
    wanted = None if allowed is None else {canonical(name) for name in allowed.split(",") if name.strip()}
    unwanted = {canonical(name) for name in disabled}
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda e: (_package(e), e.name)):
        origin = Origin(_package(entry), entry.dist.version if entry.dist else "?", entry.value)
        name = canonical(origin.package)
        if name in unwanted or (wanted is not None and not origin.first_party and name not in wanted):
            plugins.switched_off.append(origin)
        else:
            plugins.add(f"{origin.package}/{entry.name}", origin, entry.load)
    return plugins


@lru_cache(maxsize=8)
def loaded(disabled: frozenset[str] = frozenset()) -> Plugins:
    """The plugins of this process, discovered once."""
    return discover(disabled)


def canonical(name: str) -> str:
    """A package name as the index compares it."""
    return name.strip().lower().replace("_", "-").replace(".", "-")


def _package(entry: importlib.metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist else "?"
