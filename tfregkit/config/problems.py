"""Collecting all that is wrong with a configuration, each with its place."""

from __future__ import annotations

from collections.abc import Hashable

from tfregkit.config.source import Node, name_of
from tfregkit.errors import ConfigError

Path = tuple[Hashable, ...]


class Problems:
    """What is wrong with one configuration, in the order of its lines.

    Args:
        root: The tree that paths start at; it turns a path into `file:line`.
    """

    def __init__(self, root: Node) -> None:
        self._root = root
        self._places: list[Path] = []
        self._found: dict[tuple[Hashable, ...], tuple[str, int, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def below(self, at: Path) -> bool:
        """Whether a problem is recorded at a path or inside it."""
        return any(place[: len(at)] == at for place in self._places)

    def add(self, at: Path, message: str) -> None:
        """Record a problem at the deepest value that exists along the path `at`; the same one of a line only once."""
        self._places.append(at)
        where, shown = self.where(at), self.spell(at)
        mark = self._nearest(at).mark
        identity = (where or shown, at[-1:], message)  # a section that two stages share is wrong once
        text = ": ".join(part for part in (where, shown, message) if part)
        self._found.setdefault(identity, (mark.source if mark else "", mark.line or 0 if mark else 0, text))

    def where(self, at: Path) -> str:
        """`file:line` of a path, or nothing for values given from Python."""
        mark = self._nearest(at).mark
        return str(mark) if mark else ""

    def spell(self, at: Path) -> str:
        """The path as `--set` takes it: `stages.registration.trainer.steps`. A stage goes by its name."""
        node: Node | None = self._root
        words: list[str] = []
        for step in at:
            inside = node.child(step) if node else None
            named = name_of(inside) if inside and words == ["stages"] else None
            words.append(str(named or step))
            node = inside
        return ".".join(words)

    def raise_any(self) -> None:
        """Raise all recorded problems as one error.

        Raises:
            ConfigError: One line per problem, if there is any.
        """
        if self._found:
            raise ConfigError("\n".join(text for *_, text in sorted(self._found.values())))

    def _nearest(self, at: Path) -> Node:
        node = self._root
        for step in at:
            inside = node.child(step)
            if inside is None:
                break
            node = inside
        return node
