"""The contrastive loss of CLMorph."""

from __future__ import annotations

from typing import Annotated

from keras import ops
from pydantic import Field

from tfregkit.api import ConfigError, Similarity
from tfregkit.ops.nt_xent import nt_xent
from tfregkit.ops.unit import spread
from tfregkit_plugins.similarities.embedding import ROLES, Embedding


class NTXent(Similarity):
    """Contrast over the batch (CLMorph): an image's features should tell its partner from all other images.

    `1/2 sum_a -log( exp(z_a·z_p / temperature) / sum_{b != a} exp(z_a·z_b / temperature) )`, a being either image of a
    pair, p the other, b every other image of the batch: 2B anchors, each with 2B - 2 negatives. z is the mean of the
    network's feature map over the image, through a linear layer, at length 1. It looks at features only, not at the
    warped image, and is the same for both directions of a symmetric strategy, so it looks at `forward` alone.

    Images of the anchor's own person are no negatives, nor are those of persons it is paired with in this batch: with
    an atlas, which is the partner of all, nothing is pushed away from it. The term is 0 for a pair without negatives.

    Args:
        level: The feature map; `null`: the coarsest.
        width: Of z.
        shared: Use one linear layer for both images; CLMorph's code has one for each.
        temperature: tau; not in the paper, 0.5 in its code.
        one_sided: Take only the moved image as an anchor, as equation 8 is printed.
        exclude_same_subject: Leave images of these persons out of the negatives; the authors' code leaves them in.
        across_replicas: Take negatives from all devices' shares of the batch, not only from one's own.

    Call arguments: `fixed`, `moved`, `mask` are not looked at; `features`, `roles`, `subjects` of the `View`. Returns
    `(B,)`, `log(2B - 1)` when all z are equal; watches `spread`, 0 when the features have collapsed and about 1 when
    they point everywhere.

    Reference: Liu et al. 2020 (CLMorph), eq. 8, arXiv:2011.08894; Chen et al. 2020 (SimCLR), arXiv:2002.05709.
    """

    watches = ("spread",)
    default_views = ("forward",)

    def __init__(
        self,
        *,
        level: str | None = None,
        width: Annotated[int, Field(gt=0)] = 64,
        shared: bool = False,
        temperature: Annotated[float, Field(gt=0)] = 0.5,
        one_sided: bool = False,
        exclude_same_subject: bool = True,
        across_replicas: bool = False,
    ) -> None:
        super().__init__()
        self.level = level
        self.width = width
        self.shared = shared
        self.temperature = temperature
        self.one_sided = one_sided
        self.exclude_same_subject = exclude_same_subject
        self.across_replicas = across_replicas
        self.needs = ("features", "roles", *(("subjects",) if exclude_same_subject else ()))
        self.embedding = Embedding(level=level, width=width, shared=shared)

    def check_batch(self, items, replicas):
        seen = items if self.across_replicas else items // replicas
        if seen > 1:
            return
        remedy = "Raise trainer.batch_size"
        if items > 1:
            remedy = f"Set `across_replicas: true`, or raise trainer.batch_size to at least {2 * replicas}"
        share = f" on each of {replicas} devices" if replicas > 1 else ""
        raise ConfigError(
            f"similarity `nt_xent` finds its negatives in the batch, and in a batch of {seen}{share} there are none: "
            f"the term would always be 0. {remedy} (gradient accumulation adds no negatives), or take "
            "`patch_contrast` or `byol`, which work on single pairs."
        )

    def build(self, fixed_shape, moved_shape, features_shape=None):
        self.embedding.create("nt_xent", features_shape)

    def call(self, fixed, moved, mask=None, features=None, roles=("fixed", "moving"), subjects=None):
        rows = self.embedding(features)
        pairs = ops.concatenate([rows[role] for role in ROLES], axis=1)  # (B, 2, width)
        persons = None if subjects is None else ops.concatenate([subjects[role] for role in ROLES], axis=1)
        losses = nt_xent(pairs, self.temperature, persons, self.across_replicas)
        losses = losses[:, ROLES.index(roles[1])] if self.one_sided else ops.mean(losses, axis=1)
        return losses, {"spread": ops.mean(spread(ops.transpose(pairs, (1, 0, 2))))}
