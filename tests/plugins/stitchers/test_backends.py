"""Blocks and stitchers under the other backends: one process for each."""

import pytest
from backends import OTHERS, run_tests


@pytest.mark.parity
@pytest.mark.parametrize("backend", OTHERS)
def test_other_backends(backend):
    run_tests(
        backend, "tests/plugins/stitchers", "tests/tfregkit/ops/test_blocks.py", "tests/tfregkit/ops/test_seam.py"
    )
