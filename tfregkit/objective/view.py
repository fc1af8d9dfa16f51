"""What a strategy shows to the similarities."""

from __future__ import annotations

from typing import Any, NamedTuple


class View(NamedTuple):
    """Two images on one grid that should look alike, and what is known of them.

    Every similarity gets `fixed`, `moved` and `mask`; the others it asks for by name (`Similarity.needs`).

    Attributes:
        fixed: `(B, X, Y[, Z], C)`.
        moved: The same shape.
        mask: Where to look, `(B, X, Y[, Z], 1)` in [0, 1], or None: everywhere.
        name: By which a term can choose its views: `forward`, `backward`, or what a strategy calls its own.
        roles: Whose images these are: the roles (`moving` or `fixed`) of the scans that `fixed` and `moved` come from.
        noise: `(B, 4096)` uniform numbers in [0, 1), a pure function of seed and step; None outside training.
        others: `(B, X, Y[, Z], C)`: images of other persons, not warped, in the role that `moved` has; or None.
        features: Feature maps by role and name, where the network gives them: `{"moving": {"conv1": ...}, ...}`.
    """

    fixed: Any
    moved: Any
    mask: Any = None
    name: str = "forward"
    roles: tuple[str, str] = ("fixed", "moving")
    noise: Any = None
    others: Any = None
    features: dict[str, dict[str, Any]] | None = None
