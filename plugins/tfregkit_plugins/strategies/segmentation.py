"""Learning to segment from label maps."""

from __future__ import annotations

from typing import Any

from keras import ops

from tfregkit.api import ConfigError, Strategy, View
from tfregkit.ops.class_maps import class_maps


class Segmentation(Strategy):
    """The network's class probabilities should be the true classes of every voxel.

    The objective sees one view, `segmentation`: the truth `(B, X, Y[, Z], K)` (zeros and ones, the background first) as
    `fixed` and `softmax(logits)` as `moved`, with the `logits`. Images come one by one (`pairing: single`; of a data
    set of pairs, the fixed ones), each with its label map. `soft_dice` and `cross_entropy` are the terms for it.

    Reference: Cicek et al. 2016, 3D U-Net, doi:10.1007/978-3-319-46723-8_49.
    """

    takes = ("logits",)
    needs = ("labels",)
    roles = ("fixed",)

    def __init__(self) -> None:
        super().__init__()

    def call(self, batch: dict[str, Any], network: Any, objective: Any, training: bool | None = None) -> dict[str, Any]:
        """Terms by name, each `(B,)` float32, with their `total`. See `Strategy`."""
        logits = ops.cast(network({"fixed": batch["fixed"]}, training=training)["logits"], "float32")
        truth = class_maps(batch["fixed_labels"], list(network.structures.values()))
        view = View(
            truth,
            ops.softmax(logits, axis=-1),
            _mask(batch, objective.mask),
            "segmentation",
            ("fixed", "fixed"),
            noise=batch.get("noise"),
            logits=logits,
        )
        return objective([view], {}, lam=batch.get("lam"))


def _mask(batch: dict[str, Any], mode: str) -> Any:
    if mode == "none":
        return None
    if mode == "union" or "fixed_mask" not in batch:
        raise ConfigError(
            f"objective.mask: `{mode}` is not there for strategy `segmentation`: `fixed` is, where every image has a "
            "mask (`masks` of the data set), and `none`."
        )
    return batch["fixed_mask"]
