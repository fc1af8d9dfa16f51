"""Overlap and cross-entropy of class maps, voxel by voxel, in float64."""

import numpy as np


def class_maps(labels, structures):
    """`labels` `(X, Y, Z)` to `(X, Y, Z, K)`: the class of each voxel is looked for in every structure."""
    maps = np.zeros((*labels.shape, len(structures) + 1))
    for place in np.ndindex(labels.shape):
        found = [number for number, values in enumerate(structures, 1) if labels[place] in values]
        maps[place][found[0] if found else 0] = 1
    return maps


def soft_dice_loss(truth, found, mask, first=1, squared=False):
    """Of one item: the mean over the structures that the truth has."""
    losses = []
    for t, f in zip(np.moveaxis(truth, -1, 0)[first:], np.moveaxis(found, -1, 0)[first:], strict=True):
        if (mask * t).sum() == 0:
            continue
        size = (mask * (t**2 + f**2)).sum() if squared else (mask * (t + f)).sum()
        losses.append(1 - 2 * (mask * t * f).sum() / size)
    return np.mean(losses) if losses else 0.0


def cross_entropy(truth, logits, mask):
    """Of one item, in nats."""
    shifted = logits - logits.max(-1, keepdims=True)
    logarithm = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return -(mask[..., None] * truth * logarithm).sum() / mask.sum()
