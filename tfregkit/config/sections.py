"""Validated sections out of a tree of values: fixed sections (`Settings`) and component sections (`Spec`), nested."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tfregkit import registry
from tfregkit.config import annotations as kinds_of
from tfregkit.config import schema
from tfregkit.config.problems import Path, Problems
from tfregkit.config.settings import Spec
from tfregkit.config.source import Node
from tfregkit.errors import ConfigError, DataError
from tfregkit.wording import did_you_mean, one_of

WRONG = object()
"""Stands for a section with a problem."""


class Reader:
    """Reads sections and records all that is wrong with them; a section with a problem comes back as `WRONG`.

    Args:
        problems: Where problems go. The values that are returned count only if there are none.
        construct: Whether to try each component's constructor, so that the rules it checks itself are reported too.
    """

    def __init__(self, problems: Problems, *, construct: bool = True) -> None:
        self._problems = problems
        self._construct = construct

    def section(self, kind: str, node: Node, at: Path) -> Any:
        """A component section: a mapping with `name`, or a bare name. Specs and instances pass as they are."""
        table = registry.current()
        value = node.value
        if isinstance(value, table.kinds[kind]) or (isinstance(value, Spec) and value.kind == kind):
            return value
        given = {"name": node} if isinstance(value, str) else value
        known = table.names(kind)
        if not isinstance(given, dict) or "name" not in given:
            self._problems.add(at, f"expected a {kind}: its name, or a section with `name`. Known: {one_of(known)}")
            return WRONG
        name = given["name"].value
        if name not in known:
            self._problems.add((*at, "name"), "\n".join(table.unknown(kind, name, known)))
            return WRONG
        component = table.get(kind, name).component
        inside = Node({key: item for key, item in given.items() if key != "name"}, node.mark)
        values = self._validated(schema.model(component), schema.annotations(component), inside, at, f"{kind} `{name}`")
        if values is WRONG:
            return WRONG
        where = ": ".join(part for part in (self._problems.where(at), self._problems.spell(at)) if part)
        spec = Spec(kind, name, {key: getattr(values, key) for key in type(values).model_fields}, where, component)
        if self._construct:
            self._try(spec, at)
        return spec

    def settings(self, cls: type[BaseModel], node: Node, at: Path) -> Any:
        """A fixed section: a mapping, or a bare name where the section has one."""
        if isinstance(node.value, cls):
            return node.value
        if isinstance(node.value, str) and "name" in cls.model_fields:
            node = Node({"name": node}, node.mark)
        if not isinstance(node.value, dict):
            self._problems.add(at, f"expected a section with: {one_of(kinds_of.keys(cls))}. Received: {node.plain()!r}")
            return WRONG
        return self._validated(cls, kinds_of.of_settings(cls), node, at, None)

    def _validated(
        self, model: type[BaseModel], annotations: dict[str, Any], node: Node, at: Path, what: str | None
    ) -> Any:
        """The model over a mapping, its inner sections first; `WRONG` when anything in it is wrong."""
        data = {key: self._prepared(annotations.get(key, Any), item, (*at, key)) for key, item in node.value.items()}
        try:
            values = model.model_validate(_right(data))
        except ValidationError as error:
            self._report(error, model, node, at, what)
        return WRONG if self._problems.below(at) else values

    def _prepared(self, annotation: Any, node: Node, at: Path) -> Any:
        """A value with its inner sections validated and its paths made absolute, ready for pydantic."""
        kind = schema.kind_of(annotation)
        if kind:
            return self.section(kind, node, at)
        annotation, marked_path = kinds_of.unwrapped(annotation)
        if schema.is_union(annotation):
            return self._prepared(kinds_of.arm(annotation, node.value), node, at)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self.settings(annotation, node, at)
        if isinstance(node.value, list):
            pairs = zip(kinds_of.items(annotation, len(node.value)), node.value, strict=True)
            return _right([self._prepared(inner, item, (*at, i)) for i, (inner, item) in enumerate(pairs)])
        if isinstance(node.value, dict):
            inner = get_args(annotation)[1] if get_origin(annotation) is dict else Any
            return _right({key: self._prepared(inner, item, (*at, key)) for key, item in node.value.items()})
        if isinstance(node.value, bool) and annotation in (int, float):
            self._problems.add(at, f"Input should be a number. Received: {at[-1]}={node.value}")
        if isinstance(node.value, str) and (marked_path or kinds_of.is_path(annotation)):
            return kinds_of.absolute(node)
        return node.value

    def _report(self, error: ValidationError, model: type[BaseModel], node: Node, at: Path, what: str | None) -> None:
        """Record pydantic's findings in our words; alternatives of one value become one finding.

        What is found about a value with a wrong section inside it follows from that and is not told.
        """
        wrong: dict[Path, list[dict[str, Any]]] = {}
        for found in error.errors(include_url=False):
            wrong.setdefault(_within(node, found), []).append(found)
        known = kinds_of.keys(model)
        told = {path: findings for path, findings in wrong.items() if not self._problems.below((*at, *path))}
        for path, findings in told.items():
            kind, key = findings[0]["type"], path[-1] if path else ""
            if kind == "extra_forbidden":
                message = f"{what} has no parameter `{key}`." if what else f"unknown key `{key}`."
                message += did_you_mean(key, known) or f" Known: {one_of(known) or 'none'}"
            elif kind == "missing":
                message = f"{what} needs `{key}`." if what else f"`{key}` is missing."
            else:
                message = _wording(findings, key)
            self._problems.add((*at, *path), message)

    def _try(self, spec: Spec, at: Path) -> None:
        """Call the constructor once, for the rules only it knows. Missing data is no fault of the configuration."""
        try:
            spec.build()
        except DataError:
            return
        except ConfigError as error:
            self._problems.add(at, str(error).removeprefix(f"{spec.where}: "))


def _right(items: Any) -> Any:
    """A list or mapping without its wrong sections."""
    if isinstance(items, dict):
        return {key: item for key, item in items.items() if item is not WRONG}
    return [item for item in items if item is not WRONG]


def _within(node: Node, found: dict[str, Any]) -> Path:
    """A finding's place, without the names pydantic gives to a union's alternatives."""
    place: list[Any] = []
    for step in found["loc"]:
        inside = node.child(step)
        if inside is None:
            return (*place, step) if found["type"] in ("missing", "invalid_key") else tuple(place)
        place.append(step)
        node = inside
    return tuple(place)


def _wording(findings: list[dict[str, Any]], key: Any) -> str:
    """One sentence for what is wrong with a value."""
    if any(found["type"] in ("value_error", "assertion_error") for found in findings):
        return findings[0]["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    start = "Input should be "
    wanted = [found["msg"].removeprefix(start) for found in findings]
    if len(wanted) > 1:
        wanted = [alternative.partition(", unable to parse")[0] for alternative in wanted]
    received = findings[0]["input"]
    sentence = (start if findings[0]["msg"].startswith(start) else "") + " or ".join(dict.fromkeys(wanted))
    return f"{sentence}. Received: {key}={received!r}"
