"""What all regularizers promise."""

import pytest
from backends import OTHERS, run_tests

import tfregkit
from tfregkit.testing import checks

NAMES = ("bending", "diffusion", "negative_jacobian", "velocity_l2")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", checks("regularizer"), ids=lambda check: check.__name__)
def test_conforms(check, name):
    check(tfregkit.build("regularizer", name))


@pytest.mark.parametrize("name", NAMES)
def test_looks_at_what_it_is_told(name):
    for field in ("velocity", "inverse"):
        assert tfregkit.build("regularizer", name, on=field).on == field
    assert tfregkit.build("regularizer", name).on == ("velocity" if name == "velocity_l2" else "displacement")


@pytest.mark.parity
@pytest.mark.parametrize("backend", OTHERS)
def test_other_backends(backend):
    run_tests(backend, "tests/plugins/regularizers")
