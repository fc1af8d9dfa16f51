import numpy as np
import pytest
from keras import ops
from references.fields import linear, matrix, rough

import tfregkit
from tfregkit.errors import ConfigError


def diffusion(field, **parameters):
    return ops.convert_to_numpy(tfregkit.build("regularizer", "diffusion", **parameters)(field))


@pytest.mark.parametrize("shape", [(5, 7, 11), (13, 7)])
def test_linear_field_costs_the_mean_square_of_its_matrix(shape):
    a = matrix(len(shape))
    np.testing.assert_allclose(diffusion(linear(a, shape, offset=3)), np.mean(a**2), rtol=1e-4)
    np.testing.assert_allclose(diffusion(linear(a, shape), penalty="l1"), np.mean(np.abs(a)), rtol=1e-4)


def test_is_the_mean_over_axes_of_the_mean_squared_forward_difference():
    field = rough().astype(np.float64)
    expected = np.mean([np.square(np.diff(field, axis=a)).mean((1, 2, 3, 4)) for a in (1, 2, 3)], axis=0)
    np.testing.assert_allclose(diffusion(rough()), expected, rtol=1e-5)


def test_unknown_penalty_is_refused():
    with pytest.raises(ConfigError, match="penalty"):
        tfregkit.build("regularizer", "diffusion", penalty="l3")


@pytest.mark.parity
@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_agrees_with_neurite(penalty):
    torch = pytest.importorskip("torch")
    neurite = pytest.importorskip("neurite")
    field = rough(batch=1)
    peer = neurite.nn.modules.SpatialGradient(penalty)(torch.from_numpy(np.moveaxis(field, -1, 1).copy()))
    np.testing.assert_allclose(diffusion(field, penalty=penalty), float(peer), rtol=1e-5)
