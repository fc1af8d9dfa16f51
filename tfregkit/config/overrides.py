"""`--set a.b=c`: single values over whatever the files say, from the command line or from a sweep."""

from __future__ import annotations

from tfregkit.config.source import Mark, Node, name_of, parse_value
from tfregkit.errors import ConfigError
from tfregkit.wording import did_you_mean, one_of


def override(root: Node, setting: str) -> None:
    """Put one `path=value` into the tree. The value is YAML; list items go by index, stages also by name.

    Raises:
        ConfigError: When it is no `path=value`, or the path leads through something that has no such item.
    """
    path, equals, text = setting.partition("=")
    mark = Mark(f"--set {setting}")
    if not equals or not all(path.strip().split(".")):
        raise ConfigError(f"{mark}: expected `path=value`, as in `--set stages.registration.trainer.steps=100`.")
    put(root, path.strip(), Node.of(parse_value(text, str(mark)).plain(), mark), mark)


def put(root: Node, path: str, value: Node, mark: Mark) -> None:
    """Put a value at a dotted path into the tree. `mark` is where the path was written.

    Raises:
        ConfigError: When the path leads through something that has no such item.
    """
    steps, node = path.split("."), root
    for i, step in enumerate(steps[:-1]):
        node = _entered(node, step, ".".join(steps[: i + 1]), mark)
    _assign(node, steps[-1], path, value, mark)


def _entered(node: Node, step: str, path: str, mark: Mark) -> Node:
    """The Node under a step, made when a mapping lacks it; a bare name opens up into a section."""
    if isinstance(node.value, list):
        inside = _item(node, step, path, mark)
    elif isinstance(node.value, dict):
        inside = node.value.setdefault(step, Node({}, mark))
    else:
        raise ConfigError(f"{mark}: `{path.rpartition('.')[0]}` is not a section.")
    if inside.value is None:
        inside.value = {}
    elif isinstance(inside.value, str):
        inside.value = {"name": Node(inside.value, inside.mark)}
    return inside


def _assign(node: Node, step: str, path: str, value: Node, mark: Mark) -> None:
    if isinstance(node.value, list):
        old = _item(node, step, path, mark)
        node.value[next(i for i, item in enumerate(node.value) if item is old)] = value
    elif isinstance(node.value, dict):
        node.value[step] = value
    else:
        raise ConfigError(f"{mark}: `{path.rpartition('.')[0]}` is not a section.")


def _item(node: Node, step: str, path: str, mark: Mark) -> Node:
    inside = node.child(step)
    if inside is None:
        known = [name_of(item) or i for i, item in enumerate(node.value)]
        raise ConfigError(f"{mark}: no `{path}`.{did_you_mean(step, known)} Known: {one_of(known) or 'none'}")
    return inside
