"""The constructor is the schema: a component's signature as a pydantic model. No Keras here."""

from __future__ import annotations

import inspect
import types
import typing
import warnings
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.errors import PydanticUserError

from tfregkit.config.settings import Kind, Spec
from tfregkit.errors import PluginError


def parameters(component: type) -> dict[str, inspect.Parameter]:
    """The constructor's parameters by name, without `self`; none where neither the class nor a base of ours has one."""
    owner = next(cls for cls in component.__mro__ if "__init__" in vars(cls))
    if owner.__module__.partition(".")[0] in ("builtins", "keras"):
        return {}
    found = inspect.signature(component.__init__).parameters
    return {name: parameter for name, parameter in list(found.items())[1:]}


def check_constructor(component: type, what: str) -> None:
    """Check the rules of a component's constructor: keyword-only, annotated, closed.

    Raises:
        PluginError: Naming the parameter at fault, or an annotation that cannot be resolved.
    """
    for name, parameter in parameters(component).items():
        where = f"{what}: parameter `{name}` of {component.__module__}.{component.__qualname__}"
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise PluginError(
                f"{where} must be keyword-only: `def __init__(self, *, {name}: ...)`, without `**kwargs`."
            )
        if parameter.annotation is inspect.Parameter.empty:
            raise PluginError(f"{where} has no annotation: the constructor is the schema of the configuration.")
        if name == "name" or name.startswith("_"):
            raise PluginError(f"{where}: `name` names the component and a leading underscore is private. Rename it.")
    try:
        model(component)
    except (NameError, PydanticUserError) as error:
        raise PluginError(f"{what}: an annotation of {component.__qualname__} cannot be used: {error}") from error


@cache
def annotations(component: type) -> dict[str, Any]:
    """The resolved annotations of the constructor's parameters."""
    hints = typing.get_type_hints(component.__init__, include_extras=True) if parameters(component) else {}
    return {name: hints[name] for name in parameters(component)}


@cache
def model(component: type) -> type[BaseModel]:
    """The constructor's signature as a pydantic model that refuses unknown keys."""
    fields = {}
    for name, parameter in parameters(component).items():
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[name] = (with_sections(annotations(component)[name]), default)
    options = ConfigDict(
        extra="forbid",
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        validate_default=True,
        title=component.__name__,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Field name .* shadows an attribute")
        return create_model(component.__name__, __config__=options, **fields)


def kind_of(annotation: Any) -> str | None:
    """The kind of component an annotation asks for, or `None`."""
    if get_origin(annotation) is Annotated:
        base, *metadata = get_args(annotation)
        marked = next((item.name for item in metadata if isinstance(item, Kind)), None)
        return marked or kind_of(base)
    if not isinstance(annotation, type) or annotation.__module__ in ("builtins", "typing"):
        return None
    from tfregkit.api import KINDS

    return next((kind for kind, base in KINDS.items() if issubclass(annotation, base)), None)


def with_sections(annotation: Any) -> Any:
    """The annotation with every component class replaced by its section: `list[Metric]` takes a list of sections."""
    kind = kind_of(annotation)
    if kind:
        return Annotated[Spec, Kind(kind)]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(with_sections(inner[0]), *inner[1:])]
    if is_union(annotation):
        return Union[tuple(with_sections(item) for item in inner)]  # noqa: UP007
    if origin in (list, tuple, dict, set):
        return origin[tuple(with_sections(item) for item in inner)]
    return annotation


def is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)
