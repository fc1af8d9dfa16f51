"""`base:` inheritance: a configuration over another, every value keeping the file and line it came from."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from tfregkit.config.shipped import find_config
from tfregkit.config.source import Node, name_of, read
from tfregkit.errors import ConfigError


def load(path: Path, chain: tuple[Path, ...] = ()) -> Node:
    """A configuration file merged over its `base:`, that over its own, and so on.

    Raises:
        ConfigError: When a file cannot be read, or is its own base.
    """
    root = read(path)
    base = root.value.pop("base", None)
    if base is None or base.value is None:
        return root
    if not isinstance(base.value, str):
        raise ConfigError(f"{base.mark}: base: expected one file. Received: {base.plain()!r}")
    try:
        below = find_config(base.value, path.parent)
    except ConfigError as error:
        raise ConfigError(f"{base.mark}: base: {error}") from error
    chain = (*chain, path.resolve())
    if below.resolve() in chain:
        raise ConfigError(f"{base.mark}: base: {below} is based on this file, which would go round for ever.")
    return merge(load(below, chain), root)


def merge(base: Node, over: Node, at: tuple[Hashable, ...] = ()) -> Node:
    """`over` on top of `base`: mappings merge key by key, `stages` by name, anything else replaces.

    A section with another `name` is another component: it replaces the base's, whose parameters mean nothing to it.
    Of `stages`, an item with `remove: true` takes the base's stage of that name out, and a new one with `before: NAME`
    comes before that stage instead of last. Of an objective's `terms`, `NAME: {remove: true}` takes that term out.
    """
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        if name_of(base) and name_of(over) and name_of(base) != name_of(over):
            return over
        merged = dict(base.value)
        for key, node in over.value.items():
            if at[-1:] == ("terms",) and (removed := _taken(node, "remove")) and removed.value is True:
                if key not in merged:
                    raise ConfigError(f"{removed.mark}: remove: the base has no term `{key}`. {_known([*merged])}")
                del merged[key]
                continue
            merged[key] = merge(merged[key], node, (*at, key)) if key in merged else node
        return Node(merged, over.mark)
    if at == ("stages",) and isinstance(base.value, list) and isinstance(over.value, list):
        return Node(_by_name(base.value, over.value), over.mark)
    return over


def _by_name(base: list[Node], over: list[Node]) -> list[Node]:
    """Items of the same name merged in their place, new ones before the stage they name or at the end."""
    merged = list(base)
    for node in over:
        removed, before = _taken(node, "remove"), _taken(node, "before")
        names = [name_of(item) for item in merged]
        place = names.index(name_of(node)) if name_of(node) in names and name_of(node) is not None else None
        if removed is not None and removed.value is True:
            if place is None:
                raise ConfigError(f"{removed.mark}: remove: the base has no stage `{name_of(node)}`. {_known(names)}")
            del merged[place]
        elif place is not None:
            merged[place] = merge(merged[place], node, ("stages", place))
        elif before is not None:
            if before.value not in names:
                raise ConfigError(f"{before.mark}: before: the base has no stage `{before.value}`. {_known(names)}")
            merged.insert(names.index(before.value), node)
        else:
            merged.append(node)
    return merged


def _taken(node: Node, key: str) -> Node | None:
    """A directive of the merge, which is no part of the stage."""
    return node.value.pop(key, None) if isinstance(node.value, dict) else None


def _known(names: list[str | None]) -> str:
    return f"It has: {', '.join(str(name) for name in names)}."
