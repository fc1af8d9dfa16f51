"""All similarities, and what the contrast is made of, under the other backends: one process for each."""

import pytest
from backends import OTHERS, run_tests


@pytest.mark.parity
@pytest.mark.parametrize("backend", OTHERS)
def test_other_backends(backend):
    folder = "tests/tfregkit/ops"
    run_tests(backend, "tests/plugins/similarities", f"{folder}/test_info_nce.py", f"{folder}/test_positions.py")
