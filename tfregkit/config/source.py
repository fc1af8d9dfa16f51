"""YAML to a tree of plain values that remember the file and line they came from. Safe YAML, nothing is executed."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tfregkit.errors import ConfigError


@dataclass(frozen=True)
class Mark:
    """Where a value was written: a file with a line, or `--set ...`. Relative paths start at `folder`."""

    source: str
    line: int | None = None
    folder: Path | None = None

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass
class Node:
    """A value with its mark. Containers hold Nodes: `dict[key, Node]`, `list[Node]`; anything else is a leaf."""

    value: Any
    mark: Mark | None = None

    def plain(self) -> Any:
        """The value without marks."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, step: Hashable) -> Node | None:
        """The Node under a key, an index, or (in a list of sections) a `name`."""
        if isinstance(self.value, dict):
            return self.value.get(step)
        if isinstance(self.value, list):
            return next((item for i, item in enumerate(self.value) if step in (i, str(i), name_of(item))), None)
        return None

    @classmethod
    def of(cls, value: Any, mark: Mark | None = None) -> Node:
        """A tree over plain data, every value with the same mark."""
        if isinstance(value, dict):
            return cls({key: cls.of(item, mark) for key, item in value.items()}, mark)
        if isinstance(value, (list, tuple)):
            return cls([cls.of(item, mark) for item in value], mark)
        return cls(value, mark)


def name_of(node: Node) -> str | None:
    """The `name` of a section, the bare name that stands for a section, or `None`."""
    name = node.value.get("name", Node(None)).value if isinstance(node.value, dict) else node.value
    return name if isinstance(name, str) else None


class _Loader(yaml.SafeLoader):
    """Safe YAML with the scalars of YAML 1.2: `on`, `off`, `yes`, `no` are words, `1e-5` a number, dates text.

    One departure: `08` is text, since who writes it means a subject and not a number.
    """


class _Dumper(yaml.SafeDumper):
    """Quotes text that `_Loader` or a reader of YAML 1.1 would take for something else."""


_BARE_BRACES = re.compile(r"(?<=\s)[^\s,'\"{]*\{\w+\}[^\s,}'\"]*")
_CONTAINERS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in [
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
]:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))
_Loader.add_constructor(
    "tag:yaml.org,2002:int",
    lambda loader, node: int(node.value, 16) if node.value.startswith("0x") else int(node.value),
)


def read(path: Path) -> Node:
    """One YAML file as a tree.

    Raises:
        ConfigError: When the file cannot be read, is no YAML, is no mapping, or gives a key twice (all such keys).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot read the configuration: {reason}.") from error
    return parse(text, str(path), path.resolve().parent)


def parse(text: str, source: str, folder: Path | None = None) -> Node:
    """A YAML document that must be a mapping, as a tree. See `read`."""
    root = parse_value(text, source, folder)
    if root.value is None:
        root.value = {}
    if not isinstance(root.value, dict):
        raise ConfigError(f"{source}:1: expected `key: value` lines. Received: {type(root.value).__name__}.")
    return root


def parse_value(text: str, source: str, folder: Path | None = None) -> Node:
    """Any YAML value as a tree."""
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        builder = _Builder(loader, source, folder)
        node = builder.tree(root) if root is not None else Node(None, Mark(source, 1, folder))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}" if mark else source
        bare = _BARE_BRACES.search("".join(text.splitlines()[mark.line : mark.line + 1])) if mark else None
        hint = f' Text with braces needs quotes: "{bare[0]}".' if bare else ""
        raise ConfigError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}.{hint}") from error
    finally:
        loader.dispose()
    if builder.problems:
        raise ConfigError("\n".join(builder.problems))
    return node


def dump(data: Any) -> str:
    """Plain data as YAML that `read`, and readers of YAML 1.1 and 1.2, take for the same data; keys in their order."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Builder:
    """Turns PyYAML's nodes into ours, and refuses what PyYAML accepts in silence: equal keys, self-reference."""

    def __init__(self, loader: _Loader, source: str, folder: Path | None) -> None:
        self.problems: list[str] = []
        self._loader = loader
        self._source = source
        self._folder = folder
        self._open: list[yaml.Node] = []

    def tree(self, node: yaml.Node, line: int | None = None) -> Node:
        mark = Mark(self._source, line or node.start_mark.line + 1, self._folder)
        if node in self._open:
            raise ConfigError(f"{mark}: a value contains itself.")
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _CONTAINERS:
            raise ConfigError(f"{mark}: not valid YAML: the tag {node.tag} is not allowed.")
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return Node(self._mapping(node), mark)
            if isinstance(node, yaml.SequenceNode):
                return Node([self.tree(item) for item in node.value], mark)
            return Node(self._loader.construct_object(node), mark)
        finally:
            self._open.pop()

    def _mapping(self, node: yaml.MappingNode) -> dict[Hashable, Node]:
        found: dict[Hashable, Node] = {}
        merged: dict[Hashable, Node] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged = {**merged, **self._merged(value_node)}
                continue
            key = self._loader.construct_object(key_node)
            if not isinstance(key, Hashable):
                raise ConfigError(f"{self._source}:{line}: a key must be a word or a number.")
            if key in found:
                self.problems.append(
                    f"{self._source}:{line}: `{key}` is given twice (first on line {found[key].mark.line})."
                )
            found[key] = self.tree(value_node, line)
        return {**merged, **found}

    def _merged(self, node: yaml.Node) -> dict[Hashable, Node]:
        """The keys that `<<: *anchor` brings in; earlier anchors of a list win."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[Hashable, Node] = {}
        for part in reversed(parts):
            if not isinstance(part, yaml.MappingNode):
                raise ConfigError(f"{self._source}:{part.start_mark.line + 1}: `<<` takes a mapping.")
            found.update(self._mapping(part))
        return found
