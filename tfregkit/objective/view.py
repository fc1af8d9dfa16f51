"""What a strategy shows to the similarities."""

from __future__ import annotations

from typing import Any, NamedTuple


class Target(NamedTuple):
    """What a slow copy of the network sees of the same images, for terms that learn to predict it (BYOL).

    The copy's weights are moving averages of the network's. A term with weights on that side (a projector) keeps
    averages of its own with the same decay.

    Attributes:
        features: As those of a `View`, without a gradient.
        decay: How much of the averages stays in this step, a scalar tensor; 0 in the first step, which sets them. None
            outside training, where nothing moves.
    """

    features: dict[str, dict[str, Any]]
    decay: Any


class Samples(NamedTuple):
    """Voxels that were drawn in an image.

    Attributes:
        embeddings: What the network says of each, `(B, n, C)`.
        classes: Of which class each is, `(B, n)` int32: 0 the background, -1 a place without a voxel.
    """

    embeddings: Any
    classes: Any


class View(NamedTuple):
    """Two images on one grid that should look alike, and what is known of them.

    Every similarity gets `fixed`, `moved` and `mask`; the others it asks for by name (`Similarity.needs`).

    Attributes:
        fixed: `(B, X, Y[, Z], C)`.
        moved: The same shape.
        mask: Where to look, `(B, X, Y[, Z], 1)` in [0, 1], or None: everywhere.
        name: By which a term can choose its views: `forward`, `backward`, or what a strategy calls its own.
        roles: Whose images these are: the roles (`moving` or `fixed`) of the scans that `fixed` and `moved` come from,
            or the batch's names of their distorted views (`fixed_view`).
        noise: `(B, 4096)` uniform numbers in [0, 1), a pure function of seed and step; None outside training.
        others: `(B, X, Y[, Z], C)`: images of other persons, not warped, in the role that `moved` has; or None.
        features: Feature maps by role and name, where the network gives them: `{"moving": {"conv1": ...}, ...}`.
        subjects: Whose images the batch holds, by role: `{"moving": (B, 1), "fixed": (B, 1)}`, whole numbers that are
            equal for scans of one person; None outside training.
        target: What a slow copy of the network sees, where the strategy keeps one; in its first view only, so that
            averages move once a step; or None.
        logits: `(B, X, Y[, Z], C)`, where `moved` holds the probabilities of classes: what they are the softmax of.
        on_request: Whether only terms that name this view see it.
        samples: Voxels drawn in both images, by `roles`, where the strategy draws some.
    """

    fixed: Any
    moved: Any
    mask: Any = None
    name: str = "forward"
    roles: tuple[str, str] = ("fixed", "moving")
    noise: Any = None
    others: Any = None
    features: dict[str, dict[str, Any]] | None = None
    subjects: dict[str, Any] | None = None
    target: Target | None = None
    logits: Any = None
    on_request: bool = False
    samples: dict[str, Samples] | None = None

    @staticmethod
    def given(batch: dict[str, Any], roles: tuple[str, str]) -> dict[str, Any]:
        """What a batch brings for a view of these roles, as keywords: `noise`, `others`, `subjects`."""
        names = {role: f"{role}_subject" for role in roles}
        known = all(name in batch for name in names.values())
        return {
            "noise": batch.get("noise"),
            "others": batch.get(f"{roles[1]}_others"),
            "subjects": {role: batch[name] for role, name in names.items()} if known else None,
        }
