import numpy as np
from backends import tensorflow_only
from keras import ops
from references.local_correlation import local_correlation as oracle

from tfregkit.ops.local_correlation import Correlation, local_correlation

FIXED, MOVED = np.random.default_rng(8).normal(size=(2, 2, 5, 7, 11, 1)).astype(np.float32)


def test_is_the_mean_of_the_map():
    """The similarity's tests look closer; here the sign and the rule's defaults."""
    expected = [oracle(f[..., 0], m[..., 0], 9, mode="legacy").mean() for f, m in zip(FIXED, MOVED, strict=True)]
    found = local_correlation(FIXED, MOVED, rule=Correlation(mode="legacy"))
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=2e-5)


@tensorflow_only
def test_sizes_may_be_known_at_run_time_only():
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None, None, None, 1))] * 2
    late = tf.function(local_correlation, input_signature=signature)
    for size in (11, 6):
        pair = FIXED[..., :size, :], MOVED[..., :size, :]
        np.testing.assert_allclose(late(*pair), local_correlation(*pair), rtol=1e-5)
