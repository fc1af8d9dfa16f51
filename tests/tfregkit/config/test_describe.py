"""Parameters in words."""

from pathlib import Path
from typing import Annotated, Literal

import components
import pytest
from pydantic import Field

from tfregkit.config.describe import component_parameters, settings_parameters, summary, type_text
from tfregkit.config.settings import Kind, PathPattern, Settings, Spec


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "int"),
        (str, "text"),
        (Annotated[float, Field(gt=0, lt=1)], "float > 0 and < 1"),
        (Literal["a", "b"], "`a` or `b`"),
        (float | Literal["auto"] | None, "float or `auto` or null"),
        (list[Annotated[int, Field(ge=1)]], "list of int >= 1"),
        (tuple[float, float, float], "3 x float"),
        (tuple[int, str], "[int, text]"),
        (dict[str, float], "mapping of float"),
        (Path | None, "path or null"),
        (PathPattern, "path or pattern"),
        (components.Similarity, "similarity"),
        (list[components.Similarity], "list of similarity"),
        (Annotated[Spec, Kind("metric")], "metric"),
        (Settings, "section"),
    ],
)
def test_types(annotation, words):
    assert type_text(annotation) == words


def test_parameters_of_a_component():
    window, kernel, eps, sharp, mode = component_parameters(components.Plain)
    assert (window.key, window.type, window.default) == ("window", "int > 0", "9")
    assert window.description == "Its size in voxels."
    assert (kernel.default, eps.default, sharp.default, mode.default) == ("box", "1e-05", "false", "null")
    assert component_parameters(components.Nested)[0].default == "required"


def test_parameters_of_a_fixed_section():
    class Section(Settings):
        """A section.

        Args:
            first: In the docstring.

        Others follow.
        """

        first: int = 1
        lam: float = Field(0.1, alias="lambda", description="In the field.")
        items: list[int] = Field(default_factory=list)
        needed: Path

    found = {p.key: p for p in settings_parameters(Section)}
    assert found["first"].description == "In the docstring."
    assert found["lambda"].description == "In the field."
    assert (found["items"].default, found["needed"].default) == ("[]", "required")
    assert summary(Section) == "A section."
