import numpy as np
from keras import ops
from references.fields import rough

import tfregkit


def test_is_the_mean_square_and_penalises_constants():
    term = tfregkit.build("regularizer", "velocity_l2")
    np.testing.assert_allclose(ops.convert_to_numpy(term(rough())), np.square(rough()).mean((1, 2, 3, 4)), rtol=1e-5)
    constant = np.broadcast_to(np.array([1.0, 2.0, -3.0], np.float32), (1, 3, 5, 7, 3))
    np.testing.assert_allclose(ops.convert_to_numpy(term(constant)), 14 / 3, rtol=1e-6)
