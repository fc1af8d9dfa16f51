"""How well a field brings structures together, and how rough it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from tfregkit.ops.class_maps import class_maps
from tfregkit.ops.warp import warp
from tfregkit_plugins.regularizers.diffusion import Diffusion
from tfregkit_plugins.similarities.soft_dice import SoftDice

STEEPNESS = 1e4


def overlap_and_roughness(
    network: Any, batch: dict[str, Any], structures: Sequence[Sequence[int]], roughness: float
) -> Any:
    """`1 - Dice(L_f, L_m o (id + u)) + 1e4 max(0, D(u) - roughness)^2`: knows no weight of an objective.

    The maps of the structures are moved by interpolation, so that the overlap has a gradient; D is the diffusion of the
    displacement. The authors' code squares `D - 0.01` on both sides and so also asks for that much roughness.

    Args:
        network: A registration network.
        batch: Images, and label maps of both.
        structures: The label values of each structure.
        roughness: The diffusion from which on it costs.

    Returns:
        `(B,)`.
    """
    inputs = {name: batch[name] for name in ("moving", "fixed", "lam") if name in batch}
    field = ops.cast(network(inputs, training=False)["displacement"], "float32")
    truth, maps = (class_maps(batch[f"{role}_labels"], structures) for role in ("fixed", "moving"))
    moved = warp(maps, field, image_gradient=False)
    excess = ops.relu(Diffusion()(field) - roughness)
    return SoftDice()(truth, moved) + STEEPNESS * ops.square(excess)
