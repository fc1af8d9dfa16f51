"""The tests of fields and layers once more under the other Keras backends."""

import pytest
from backends import OTHERS, run_tests


@pytest.mark.parity
@pytest.mark.parametrize("backend", OTHERS)
def test_fields_and_layers(backend):
    run_tests(
        backend,
        "tests/tfregkit/ops/test_warp.py",
        "tests/tfregkit/ops/test_integrate.py",
        "tests/tfregkit/ops/test_fields.py",
        "tests/tfregkit/ops/test_fusion.py",
        "tests/tfregkit/layers/test_spatial_layers.py",
    )
