import numpy as np
from backends import tensorflow_only
from keras import ops
from references.fields import rough

from tfregkit.ops.difference_energy import difference_energy


def test_sums_weighted_mean_squares_of_repeated_differences():
    field = rough().astype(np.float64)
    once = np.square(np.diff(field, axis=2)).mean((1, 2, 3, 4))
    mixed = np.square(np.diff(np.diff(np.diff(field, axis=1), axis=3), axis=3)).mean((1, 2, 3, 4))
    found = difference_energy(rough(), (((2,), 0.5), ((1, 3, 3), 2.0)))
    np.testing.assert_allclose(ops.convert_to_numpy(found), 0.5 * once + 2 * mixed, rtol=1e-5)


@tensorflow_only
def test_sizes_may_be_known_at_run_time_only():
    import tensorflow as tf

    terms = (((1,), 1.0), ((2, 2), 1.0))

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, None, 3))])
    def late(field):
        with tf.GradientTape() as tape:
            tape.watch(field)
            total = difference_energy(field, terms)
        return total, tape.gradient(total, field)

    for shape in [(5, 7, 11), (4, 9, 3)]:
        total, slope = late(rough(shape))
        np.testing.assert_allclose(total, difference_energy(rough(shape), terms), rtol=1e-6)
        assert slope.shape == (2, *shape, 3)
