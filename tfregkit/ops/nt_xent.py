"""The contrastive loss of SimCLR: is an image's partner found among all images of the batch?"""

from __future__ import annotations

from typing import Any

from keras import ops

from tfregkit.ops.all_replicas import all_replicas
from tfregkit.ops.info_nce import EXCLUDED


def nt_xent(pairs: Any, temperature: float, persons: Any = None, across_replicas: bool = False) -> Any:
    """`-log( exp(z_a . z_p / t) / sum_{b != a} exp(z_a . z_b / t) )` for both images a of each pair, p being the other.

    The sum runs over all images of the batch but a itself: p and, for B pairs, 2B - 2 negatives. With `persons`, images
    that show a's person, or a person that anywhere in the batch is paired with a's, are no negatives: no two images are
    drawn together in one place and pushed apart in another. Logits are float32, and their log-sum-exp is taken.

    Args:
        pairs: `(B, 2, d)` of length 1.
        temperature: t.
        persons: `(B, 2)` whole numbers: whose images these are. None: all of different persons.
        across_replicas: Whether the images of all replicas are looked at, instead of this replica's share of the batch.

    Returns:
        `(B, 2)`: `log(2B - 1)` if all vectors are equal; 0 without negatives.

    Reference: Chen et al. 2020 (SimCLR), eq. 1, arXiv:2002.05709.
    """
    pairs, size = ops.cast(pairs, "float32"), pairs.shape[-1]
    if persons is not None:
        persons = ops.cast(persons, "float32")  # with the vectors, in one exchange; exact up to 2^24
        pairs = ops.concatenate([pairs, ops.expand_dims(persons, -1)], axis=-1)
    everyone, first = all_replicas(pairs) if across_replicas else (pairs, 0)
    anchors, candidates = (ops.reshape(x[..., :size], (-1, size)) for x in (pairs, everyone))  # 2i + k is k of pair i
    logits = ops.matmul(anchors, ops.transpose(candidates)) / temperature
    numbers = ops.arange(2 * ops.shape(everyone)[0], dtype="int32")
    own = ops.arange(2 * ops.shape(pairs)[0], dtype="int32") + 2 * ops.cast(first, "int32")
    same = own[:, None] == numbers[None]
    partner = (own // 2)[:, None] == (numbers // 2)[None]
    partner = ops.logical_and(partner, ops.logical_not(same))
    excluded = same
    if persons is not None:
        known = ops.logical_and(_acquainted(persons, everyone[..., size]), ops.logical_not(partner))
        excluded = ops.logical_or(same, known)
    positives = ops.sum(ops.where(partner, logits, 0.0), axis=-1)
    losses = ops.logsumexp(ops.where(excluded, EXCLUDED, logits), axis=-1) - positives
    return ops.reshape(losses, (-1, 2))


def _acquainted(persons: Any, everyone: Any) -> Any:
    """Whether two images show one person, or persons that are a pair somewhere: `(2B, 2G)` bool."""
    own, all_of_them, partners = (ops.reshape(x, (-1,)) for x in (persons, everyone, ops.flip(everyone, axis=-1)))
    same = own[:, None] == all_of_them[None]
    paired = ops.cast(partners[:, None] == all_of_them[None], "float32")
    return ops.logical_or(same, ops.matmul(ops.cast(same, "float32"), paired) > 0)
