"""The contrastive similarity of ContraReg."""

from __future__ import annotations

import math
from typing import Annotated

import keras
from keras import ops
from pydantic import Field

from tfregkit.api import ConfigError, Similarity, StageName
from tfregkit.ops.info_nce import info_nce
from tfregkit.ops.positions import draw_positions, nearest_on, positions_within, rows_at
from tfregkit_plugins.similarities.projection_heads import ProjectionHeads

GOLDEN = 0.618034
"""Moves the noise from one feature map to the next; irrational, so that no two are alike."""


class PatchNCE(Similarity):
    """Contrast of learnt features (CR): what lies at one place in one image should tell that place in the other.

    `mean_k mean_i -log( exp(q_i·p_i / temperature) / sum_j exp(q_i·p_j / temperature) )`. For every feature map k,
    vectors are taken at the same n = negatives + 1 random voxels of both images: `q_i = F_fixed(A_fixed(fixed))_i` and
    `p_j = F_moved(A_moved(moved))_j`, with A the frozen feature extractors and F heads of `depth` layers and unit
    length, which are trained with the network. p_i is the positive of q_i, the other
    n - 1 are its negatives. Minimising it maximises a lower bound of the mutual information of corresponding places.
    With a mask, voxels are taken only where it is above 1/2 (resized to each map by nearest neighbours). Nothing is
    detached: the gradient reaches the moved image through its extractor. The arithmetic after the features is float32.

    The voxels are drawn one from each of n equal parts of the (masked) grid, from the batch's noise; without noise (in
    validation) from the middle of each part. With fewer than n voxels in the mask all of them are used; with fewer than
    two the map counts 0.

    Args:
        moving_features: The earlier stage whose network gives features of moving images; `null`: the strategy gives
            them, as `reconstruction` does.
        fixed_features: The same for fixed images.
        heads: The earlier stage in whose objective a term of this kind trained the heads to begin with.
        negatives: Negative voxels of each voxel; 1024 in the paper.
        external_negatives: Further negatives from the image of another person, in the modality of the moved image
            (ExtNegs).
        temperature: tau; 0.007 in the paper, 0.07 in CUT.
        width: Units of each layer of the heads.
        depth: Layers of the heads.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`; `roles`, `noise`,
    `others`, `features` of the `View`. Returns `(B,)`: `log n` when all features are equal, about 0 at best, at most
    `2 / temperature + log n`.

    Reference: Dey et al. 2022, section 3, doi:10.1007/978-3-031-16446-0_7; Park et al. 2020, arXiv:2007.15651.
    """

    def __init__(
        self,
        *,
        moving_features: StageName | None = None,
        fixed_features: StageName | None = None,
        heads: StageName | None = None,
        negatives: Annotated[int, Field(ge=1, le=4095)] = 1024,
        external_negatives: Annotated[int, Field(ge=0, le=4096)] = 0,
        temperature: Annotated[float, Field(gt=0)] = 0.007,
        width: Annotated[int, Field(gt=0)] = 256,
        depth: Annotated[int, Field(ge=1)] = 3,
    ) -> None:
        super().__init__()
        if (moving_features is None) != (fixed_features is None):
            raise ValueError("`moving_features` and `fixed_features` go together: set both or none")
        self.moving_features = moving_features
        self.fixed_features = fixed_features
        self.heads = heads
        self.negatives = negatives
        self.external_negatives = external_negatives
        self.temperature = temperature
        self.width = width
        self.depth = depth
        own = ("features",) if moving_features is None else ()
        self.needs = ("roles", "noise", *(("others",) if external_negatives else ()), *own)
        self.projection = ProjectionHeads(depth=depth, width=width)
        self.extractors: dict[str, keras.layers.Layer] = {}
        self._given_heads = None

    def connect(self, earlier):
        if self.moving_features is not None:
            self.use(
                moving=earlier.network(self.moving_features).extractor("moving"),
                fixed=earlier.network(self.fixed_features).extractor("fixed"),
            )
        if self.heads is not None:
            terms = [term for term in earlier.objective(self.heads).terms.values() if isinstance(term, PatchNCE)]
            if not terms:
                raise ConfigError(f"similarity: `heads`: no term of stage `{self.heads}` is `patch_nce` or `mcr`.")
            if (terms[0].width, terms[0].depth) != (self.width, self.depth):
                raise ConfigError(
                    f"similarity: `heads`: those of stage `{self.heads}` have width {terms[0].width} and depth "
                    f"{terms[0].depth}, these {self.width} and {self.depth}. Use the same."
                )
            self._given_heads = terms[0].projection.values()

    def use(self, *, moving: keras.layers.Layer, fixed: keras.layers.Layer) -> None:
        """Set the feature extractors, built layers from an image to feature maps by name. They are frozen."""
        self.extractors = {"moving": moving, "fixed": fixed}
        for extractor in self.extractors.values():
            extractor.trainable = False

    def build(self, fixed_shape, moved_shape, features_shape=None):
        if features_shape is None:
            images = {"fixed": fixed_shape, "moving": moved_shape}
            maps = {role: self._features(keras.KerasTensor(shape), role) for role, shape in images.items()}
            features_shape = {role: {name: x.shape for name, x in found.items()} for role, found in maps.items()}
        channels = [{name: shape[-1] for name, shape in features_shape[role].items()} for role in ("moving", "fixed")]
        if channels[0] != channels[1]:
            raise ConfigError(
                "similarity `patch_nce`: the features of moving and fixed images differ in names or channels."
            )
        self.projection.create(channels[0], self._given_heads)
        self._given_heads = None

    def call(self, fixed, moved, mask=None, roles=("fixed", "moving"), noise=None, others=None, features=None):
        still, pulled = roles
        queries = features[still] if features else self._features(fixed, still)
        keys = features[pulled] if features else self._features(moved, pulled)
        extra = {} if others is None else self._features(others, pulled)
        masks, losses = (mask, self._region(others)), []
        for number, name in enumerate(queries):
            maps = (queries[name], keys[name], extra.get(name))
            losses.append(self._loss(number, name, roles, maps, masks, noise))
        return sum(losses[1:], losses[0]) / len(losses)

    def _features(self, image, role):
        if role not in self.extractors:
            raise ConfigError(
                "similarity `patch_nce` has no feature extractors here: `moving_features` and `fixed_features` name "
                "the stages that train them. In Python, call its `use(moving=..., fixed=...)`."
            )
        return self.extractors[role](image)

    def _region(self, others):
        """Where external negatives may come from; None: everywhere."""
        return None

    def _loss(self, number, name, roles, maps, masks, noise):
        """The loss of one feature map, `(B,)`."""
        (query, key, extra), samples = maps, self.negatives + 1
        noise = None if noise is None else (noise + number * GOLDEN) % 1.0
        indices, valid = _drawn(query, masks[0], noise, samples)
        queries = self.projection(rows_at(query, indices), role=roles[0], name=name)
        keys, valid_keys = self.projection(rows_at(key, indices), role=roles[1], name=name), valid
        if extra is not None:
            noise = None if noise is None else (noise + GOLDEN / 2) % 1.0
            indices, there = _drawn(extra, masks[1], noise, self.external_negatives)
            further = self.projection(rows_at(extra, indices), role=roles[1], name=name)
            keys = ops.concatenate([keys, further], axis=1)
            valid_keys = ops.concatenate([valid, there], axis=1)
        return info_nce(queries, keys, self.temperature, valid, valid_keys)


def _drawn(feature_map, mask, noise, samples):
    """Indices into the flattened map and which are valid, both `(B, samples)`."""
    shape = feature_map.shape[1:-1]
    noise = None if noise is None else noise[:, :samples]
    if mask is not None:
        return positions_within(nearest_on(mask, shape), noise, samples)
    voxels = ops.full((ops.shape(feature_map)[0],), math.prod(shape), dtype="int32")
    return draw_positions(noise, voxels, samples)
