"""A small network whose field depends on lambda, with weights that are not its initial ones."""

import numpy as np

from tfregkit_plugins.networks.svf import SVF
from tfregkit_plugins.networks.voxelmorph import VoxelMorph


def small_network(conditioning: str = "film", seed: int = 3) -> SVF:
    """Two levels, integrated, conditioned; its velocities are up to about a voxel at every lambda."""
    network = VoxelMorph(encoder_filters=[3, 5], decoder_filters=[5, 5, 3], steps=2, conditioning=conditioning)
    rng = np.random.default_rng(seed)
    images = {name: rng.uniform(size=(1, 8, 8, 8, 1)).astype(np.float32) for name in ("moving", "fixed")}
    network({**images, "lam": np.ones((1, 1), np.float32)})
    network.set_weights([0.3 * rng.normal(size=w.shape) for w in network.get_weights()])
    largest = [np.abs(network({**images, "lam": np.full((1, 1), lam)})["velocity"]).max() for lam in (0.0, 1.0)]
    head = network.velocity_head
    head.set_weights([w / max(largest) for w in head.get_weights()])
    return network
