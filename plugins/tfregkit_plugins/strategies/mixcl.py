"""Pre-training on images and labels of mixed data sets."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from tfregkit.api import VIEWS, ConfigError, Samples, Strategy, View
from tfregkit.ops.class_points import draw_class_points
from tfregkit.ops.positions import nearest_places, rows_at

FIRST, SECOND, AUXILIARY = VIEWS
IDENTITY, LABEL = "identity", "label"


class MixCL(Strategy):
    """Two distorted views of a patch and one of an auxiliary patch: embedded, compared and given back (MixCL).

    The patch P1 is the batch's `fixed`, the auxiliary one P2 `moving`, cut out of the same image or another one of the
    same data set. The objective may look at

    - `fixed_view`, `fixed_second_view`, `moving_view`: the undistorted patch and what the network gives back of that
      distorted view. Terms that name no view, as `mse`, look at these three;
    - `identity`: the two views of P1, with their embeddings as `features`, by the batch's names of the views and level.
      `identity_consistency` is the term for it;
    - `label`: a view of P1 and one of P2, with voxels that were drawn by their labels as `samples`.
      `label_consistency` is the term for it.

    What no term looks at is not computed, and voxels are drawn only for `label`: up to `budget` of each class, near its
    boundary, with probabilities proportional to `W = sqrt(D) exp(-D / mu) / 2 + epsilon`, D being the distance from the
    class's boundary in voxels of the level. Labels are those of a mixture of data sets, -1 where a set has none.

    Args:
        level: Whose embeddings `label` shows; 1, at half resolution, is the second layer of the paper.
        budget: r, voxels drawn of each class in each patch; not in the paper.
        classes: Of how many classes voxels are drawn at most, the background among them.
        mu: Of W, in voxels of the level.
        epsilon: Of W.

    The network gives `embeddings` and `reconstructions`, and is called with `project` and `reconstruct`: see the
    network `mixcl`.

    Reference: Li et al. 2022 (MixCL), eq. 2, 3 and 7.
    """

    takes = ("embeddings", "reconstructions")
    roles = ("fixed", "moving")

    def __init__(
        self,
        *,
        level: Annotated[int, Field(ge=0)] = 1,
        budget: Annotated[int, Field(ge=1)] = 64,
        classes: Annotated[int, Field(ge=2)] = 8,
        mu: Annotated[float, Field(gt=0)] = 8.0,
        epsilon: Annotated[float, Field(gt=0)] = 0.05,
    ) -> None:
        super().__init__()
        self.level = level
        self.budget = budget
        self.classes = classes
        self.mu = mu
        self.epsilon = epsilon
        self.needs = ("labels", "views")

    def connect(self, objective, earlier=None):
        known = (*VIEWS, IDENTITY, LABEL)
        if unknown := sorted(objective.named_views - set(known)):
            raise ConfigError(f"there is no view `{unknown[0]}` for a term. There are {', '.join(known)}.")
        if not any(map(objective.looks_at, known)):
            raise ConfigError(f"no similarity is among the terms, so nothing is looked at. Views: {', '.join(known)}.")
        if objective.mask != "none":
            raise ConfigError(f"objective.mask: `{objective.mask}` is not there: patches are looked at whole.")
        self.needs = ("labels", "views") if LABEL in objective.named_views else ("views",)

    def check_network(self, network):
        embedded = getattr(network, "embedded", None)
        if "labels" in self.needs and embedded is not None and f"P{self.level}" not in embedded:
            raise ConfigError(
                f"level: {self.level}: the network embeds {', '.join(embedded)} alone. Name it among its `levels`, or "
                "take one that is there."
            )

    def item(self, arrays, rng):
        """The voxels drawn for an item: `fixed_points`, `moving_points`, `fixed_classes`, `moving_classes`."""
        if "labels" not in self.needs:
            return {}
        options = {"budget": self.budget, "classes": self.classes, "mu": self.mu, "epsilon": self.epsilon}
        maps = [_coarser(arrays[f"{role}_labels"], 2**self.level) for role in self.roles]
        found = zip(self.roles, draw_class_points(maps, rng=rng, **options), strict=True)
        drawn = {}
        for role, (points, classes) in found:
            drawn |= {f"{role}_points": points, f"{role}_classes": classes}
        return drawn

    def call(self, batch: dict[str, Any], network: Any, objective: Any, training: bool | None = None) -> dict[str, Any]:
        """Terms by name, each `(B,)` float32, with their `total`. See `Strategy`."""
        level, named = f"P{self.level}", objective.named_views
        shown = [name for name in VIEWS if objective.looks_at(name)]
        project = dict.fromkeys((FIRST, AUXILIARY), [level]) if LABEL in named else {}
        project |= dict.fromkeys((FIRST, SECOND)) if IDENTITY in named else {}
        inputs = {name: batch[name] for name in VIEWS if name in shown or name in project}
        outputs = network(inputs, project=project, reconstruct=shown, training=training)
        views = [
            View(batch[VIEWS[name]], outputs["reconstructions"][name], name=name, roles=(name, name)) for name in shown
        ]
        embeddings = outputs["embeddings"]
        if IDENTITY in named:
            views.append(self._view(batch, IDENTITY, FIRST, SECOND, features=embeddings))
        if LABEL in named:
            samples = {name: self._samples(batch, embeddings[name], VIEWS[name], level) for name in (FIRST, AUXILIARY)}
            views.append(self._view(batch, LABEL, FIRST, AUXILIARY, samples=samples))
        views = [view._replace(noise=batch.get("noise")) for view in views]
        return objective(views, {}, lam=batch.get("lam"))

    def _view(self, batch, name, first, second, **known):
        return View(batch[first], batch[second], name=name, roles=(first, second), on_request=True, **known)

    def _samples(self, batch, embeddings, role, level):
        if level not in embeddings:
            raise ConfigError(
                f"strategy.level: {self.level}: the network embeds no {level}. Name it among its `levels`, or take one "
                "that is there."
            )
        maps, points = embeddings[level], batch[f"{role}_points"]
        index = points[..., 0]
        for axis in range(1, points.shape[-1]):
            index = index * maps.shape[axis + 1] + points[..., axis]
        return Samples(rows_at(maps, index), batch[f"{role}_classes"])


def _coarser(labels, factor):
    """A label map `factor` times coarser: the label at the centre of each new voxel."""
    if min(labels.shape) < factor:
        sizes = "x".join(map(str, labels.shape))
        raise ConfigError(
            f"strategy.level: {factor.bit_length() - 1}: patches of {sizes} voxels have none at 1/{factor} of the "
            "size. Lower it, or raise `data.crop`."
        )
    return labels[np.ix_(*(nearest_places(size, size // factor) for size in labels.shape))]
