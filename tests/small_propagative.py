"""A small propagative network with fields of about a voxel, and what it takes."""

import keras
import numpy as np
from keras import ops

import tfregkit

SMALL = {"feature_filters": [3, 2, 4], "matching_filters": [4, 3], "regularization_filters": [2, 3]}
SMALL |= {"dilations": [1, 2], "steps": 2}
RNG = np.random.default_rng(23)


def pair(shape, batch=2, **more):
    images = {name: RNG.random((batch, *shape, 1), dtype=np.float32) for name in ("moving", "fixed")}
    return {**images, **more}


def noise(batch=2):
    return RNG.random((batch, 4096), dtype=np.float32)


def array(x):
    return ops.convert_to_numpy(x)


def stirred(network, inputs, scale=0.7):
    """The network with fields of about a voxel instead of its tiny initial ones."""
    network(inputs)
    for module in (*network.matching, *network.regularization):
        module.head.kernel.assign(scale * RNG.normal(size=module.head.kernel.shape))
    for variable in network.trainable_variables:
        if variable.path.endswith("bias"):
            variable.assign(variable + 0.1 * RNG.normal(size=variable.shape))
    return network


def small(rank=2, cells=(2, 3, 5), **options):
    """A small network with fields of about a voxel, and inputs whose coarsest level has sizes `cells`."""
    keras.utils.set_random_seed(7)
    network = tfregkit.build("network", "propagative", **{**SMALL, **options})
    inputs = pair([cell * network.stride for cell in cells[:rank]])
    if network.needs:
        inputs["noise"] = noise()
    return stirred(network, inputs), inputs
