"""Learning to give images back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tfregkit.api import ConfigError, Strategy, View


class Reconstruction(Strategy):
    """Every image and its reconstruction by the network should look alike.

    The objective sees a view per image, named by its role: `moving` is `(I, A(I))` of the moving images, `fixed` that
    of the fixed ones. If a term asks for features (one that trains on aligned images of one person, `pairing: paired`),
    there are also views of the two images themselves, `forward` (`fixed` and `moving`) and `backward`, with the
    features the network gives of both. The terms then choose: `views: [moving, fixed]` and `views: [backward]`.

    Args:
        roles: Which images of a pair are reconstructed. With one of the two, scans come one by one, each once an epoch,
            in pairs or not (`pairing: single`).

    Reference: Dey et al. 2022, sections 3 and 4, doi:10.1007/978-3-031-16446-0_7.
    """

    takes = ("reconstructions",)

    def __init__(
        self,
        *,
        roles: Annotated[list[Literal["moving", "fixed"]], Field(min_length=1, max_length=2)] = ("moving", "fixed"),
    ) -> None:
        super().__init__()
        if len(set(roles)) < len(roles):
            raise ValueError(f"`roles` names a role twice. Received: roles={list(roles)}")
        self.roles = tuple(roles)

    def call(self, batch: dict[str, Any], network: Any, objective: Any, training: bool | None = None) -> dict[str, Any]:
        """Terms by name, each `(B,)` float32, with their `total`. See `Strategy`."""
        outputs = network({name: batch[name] for name in self.roles}, training=training)
        found = outputs["reconstructions"]
        views = [View(batch[role], image, name=role, roles=(role, role)) for role, image in found.items()]
        if "features" in objective.needs:
            features = outputs["features"]
            if len(features) < 2:
                raise ConfigError(
                    "strategy `reconstruction`: a term needs features of both images: `images` of the network."
                )
            for name, roles in (("forward", ("fixed", "moving")), ("backward", ("moving", "fixed"))):
                known = View.given(batch, roles)
                views.append(View(batch[roles[0]], batch[roles[1]], None, name, roles, **known, features=features))
        return objective(views, {}, lam=batch.get("lam"))
