"""Learning from image pairs alone."""

from __future__ import annotations

from typing import Any

from keras import ops

from tfregkit.api import ConfigError, Strategy, Target, View
from tfregkit.ops import resize_image, warp

FIELDS = ("displacement", "velocity", "inverse", "posterior", "affine", "deformation")
"""What regularizers may look at, beside the fields of `levels` and `latent`."""

IMAGES = ("moving", "fixed", "moving_mask", "fixed_mask")
"""What a view is made of."""


class Unsupervised(Strategy):
    """The network's field moves the image; the objective looks at the two images and at the field.

    `total = objective([(fixed, moving o (id + u))], {displacement: u, ...})`, with the network's `velocity`, `inverse`,
    `posterior`, `affine` and `deformation` where it gives them. With `symmetric` the objective also sees
    `(moving, fixed o (id + u_inverse))` and averages its similarities over the two.

    Of a network with `levels`, similarities that say `views: [P2]` see both images at the size of that level, resized
    without a change of their intensities, the moving one warped by the level's displacement. Regularizers may look at
    `velocity.P2`, ..., and at `latent.P2` where there is one.

    Reference: Balakrishnan et al. 2019, VoxelMorph, eq. 5, doi:10.1109/TMI.2019.2897538.

    Args:
        symmetric: Look at both directions; the network must give an `inverse`.
    """

    takes = ("displacement",)

    def __init__(self, *, symmetric: bool = False) -> None:
        super().__init__()
        self.symmetric = symmetric

    def call(self, batch: dict[str, Any], network: Any, objective: Any, training: bool | None = None) -> dict[str, Any]:
        """Terms by name, each `(B,)` float32, with their `total`. See `Strategy`."""
        inputs = {name: batch[name] for name in ("moving", "fixed", "lam", "noise") if name in batch}
        outputs, target = self._seen(network(inputs, training=training), inputs, network, objective, training)
        views = [self._view("forward", batch, "fixed", "moving", outputs["displacement"], objective.mask)]
        if self.symmetric:
            if "inverse" not in outputs:
                raise ConfigError(
                    "strategy.symmetric: this network gives no inverse field in training. Set its `bidirectional` to "
                    "true, or choose one that does."
                )
            views.append(self._view("backward", batch, "moving", "fixed", outputs["inverse"], objective.mask))
        views = [view._replace(features=outputs.get("features")) for view in views]
        views[0] = views[0]._replace(target=target)
        views += self._level_views(batch, outputs, objective)
        fields = {name: ops.cast(field, "float32") for name, field in _fields(outputs).items()}
        return objective(views, fields, lam=batch.get("lam"))

    def _level_views(self, batch: dict[str, Any], outputs: dict[str, Any], objective: Any) -> list[View]:
        """The levels that some term asks for, each by its name."""
        views = []
        for level in sorted(set(outputs.get("levels", {})) & objective.named_views):
            displacement = outputs["levels"][level]["displacement"]
            shape = ops.shape(displacement)[1:-1]
            resized = {name: resize_image(batch[name], shape) for name in IMAGES if name in batch}
            view = self._view(level, {**batch, **resized}, "fixed", "moving", displacement, objective.mask)
            views.append(view._replace(features=outputs.get("features"), on_request=True))
        return views

    def _seen(
        self, outputs: dict[str, Any], inputs: dict[str, Any], network: Any, objective: Any, training: bool | None
    ) -> tuple[dict[str, Any], Target | None]:
        """The network's outputs, and what a slow copy of it sees: there is none here."""
        return outputs, None

    def _view(self, name: str, batch: dict[str, Any], still: str, pulled: str, field: Any, mask: str) -> View:
        """`still` stays and `pulled` is warped; images are data and get no gradient."""
        moved = warp(batch[pulled], field, image_gradient=False)
        region = None
        if mask != "none":
            region = _mask(batch, still, mask)
        if mask == "union":
            region = ops.maximum(region, warp(_mask(batch, pulled, mask), field, image_gradient=False))
        roles = (still, pulled)
        return View(batch[still], moved, region, name, roles, **View.given(batch, roles))


def _fields(outputs: dict[str, Any]) -> dict[str, Any]:
    """What regularizers may look at, by the name they use: `velocity`, `velocity.P2`, `latent.P2`, ..."""
    fields = {name: outputs[name] for name in FIELDS if name in outputs}
    for level, found in outputs.get("levels", {}).items():
        fields |= {f"{name}.{level}": field for name, field in found.items()}
    return fields | {f"latent.{level}": found for level, found in outputs.get("latent", {}).items()}


def _mask(batch: dict[str, Any], image: str, mode: str) -> Any:
    name = f"{image}_mask"
    if name not in batch:
        raise ConfigError(
            f"objective.mask: `{mode}` needs a mask of every {image} image and the data has none. "
            "Name the masks in `data.dataset` or set `mask: none`."
        )
    return ops.stop_gradient(batch[name])
