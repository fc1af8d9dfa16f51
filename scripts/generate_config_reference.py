"""Write docs/config-reference.md from the constructors and the settings classes. `--check` only says whether it is new.

Run it after any change of a constructor, a settings class or their `Args:`:

    python scripts/generate_config_reference.py
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from tfregkit.config import annotations, schema
from tfregkit.config.describe import Parameter, component_parameters, settings_parameters, summary
from tfregkit.config.experiment import ExperimentSettings
from tfregkit.files import write_text
from tfregkit.registry import Registry, current

TARGET = Path(__file__).parents[1] / "docs" / "config-reference.md"
INTRODUCTION = """# Configuration reference

Every key a configuration may have, with its type, default and meaning. Written from the code by
`scripts/generate_config_reference.py`; do not edit. How files are put together (`base:`, `--set`, paths, stages) is in
[config.md](config.md).

A default of *required* means that the key must be given. A `section` is described under its own heading; where a type
names a kind (`similarity`, `network`, ...), write the name of a component of that kind, or `{name: ..., parameters}`.
`tfregkit plugins KIND NAME` prints the same for every component that is installed, those of other packages included.

Besides the keys below the top of a file may have `base:`, a file or shipped configuration to build on, and `data:`, a
section that lies under the `data` of every stage.
"""


def reference() -> str:
    """The whole page."""
    lines = [INTRODUCTION, "## Sections\n"]
    known = dict(sections(ExperimentSettings, ""))
    for path, section in known.items():
        lines += [f"### {path or 'The top of the file'}\n", *entry(section, settings_parameters(section))]
    registry = current()
    for kind in registry.kinds:
        if registry.names(kind):
            lines += [f"## Components: {kind}\n", *components(registry, kind, set(known.values()))]
    return "\n".join(lines).rstrip() + "\n"


def components(registry: Registry, kind: str, known: set[type[BaseModel]]) -> Iterator[str]:
    """The components of one kind, each followed by the sections that it alone has."""
    for name in registry.names(kind):
        component = registry.get(kind, name).component
        yield f"### {kind} `{name}`\n"
        yield from entry(component, component_parameters(component))
        for key, annotation in schema.annotations(component).items():
            for section in dict.fromkeys(each for each in settings_in(annotation) if each not in known):
                yield f"#### `{key}` of {kind} `{name}`\n"
                yield from entry(section, settings_parameters(section))


def entry(cls: type, parameters: list[Parameter]) -> Iterator[str]:
    """One section or component: what it is, and its keys as a table."""
    yield summary(cls) + "\n"
    if parameters:
        yield "| key | type | default | meaning |\n|---|---|---|---|"
        yield from (f"| `{p.key}` | {p.type} | {default(p)} | {cell(p.description)} |" for p in parameters)
        yield ""
    else:
        yield "It has no parameters.\n"


def default(parameter: Parameter) -> str:
    return "*required*" if parameter.default == "required" else f"`{parameter.default}`"


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def sections(cls: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """A fixed section and those inside it, each once, with the path that leads there."""
    yield path, cls
    hints = annotations.of_settings(cls)
    found: dict[type[BaseModel], str] = {}
    for name, info in cls.model_fields.items():
        for inner in settings_in(hints[name]):
            found.setdefault(inner, f"{path}.{info.alias or name}".lstrip("."))
    for inner, place in found.items():
        yield from sections(inner, place)


def settings_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The fixed sections an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from settings_in(inner)


def main() -> int:
    os.environ["TFREGKIT_PLUGINS"] = ""  # tfregkit's own components, whatever else is installed here
    text = reference()
    if "--check" in sys.argv:
        fresh = TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text
        print(f"{TARGET.name} is {'up to date' if fresh else 'stale: run scripts/generate_config_reference.py'}")
        return 0 if fresh else 1
    write_text(TARGET, text)
    print(f"Wrote {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
