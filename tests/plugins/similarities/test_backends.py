"""All similarities, and what the contrast is made of, under the other backends: one process for each."""

import pytest
from backends import OTHERS, run_tests


@pytest.mark.parity
@pytest.mark.parametrize("backend", OTHERS)
def test_other_backends(backend):
    names = ("info_nce", "positions", "nt_xent", "unit", "block_means", "class_maps")
    names += ("cross_correlation", "label_contrast")
    slow_copy = ("tests/tfregkit/layers/test_moving_average.py", "tests/plugins/strategies/test_momentum.py")
    segmentation = [f"tests/plugins/{kind}/test_segmentation.py" for kind in ("networks", "strategies")]
    mixcl = [f"tests/plugins/{kind}/test_mixcl.py" for kind in ("networks", "strategies")]
    learned = [f"tests/plugins/strategies/test_{name}.py" for name in ("hypergradient", "positive_numbers")]
    learned += ["tests/tfregkit/objective/test_learnable.py", "tests/tfregkit/layers/test_full_precision.py"]
    run_tests(
        backend,
        "tests/plugins/similarities",
        *(f"tests/tfregkit/ops/test_{name}.py" for name in names),
        *slow_copy,
        *segmentation,
        *mixcl,
        *learned,
    )
