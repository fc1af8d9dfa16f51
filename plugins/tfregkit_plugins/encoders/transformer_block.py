"""A block of a vision transformer."""

from __future__ import annotations

import keras
from keras import ops

from tfregkit.layers import FiLM
from tfregkit.ops.attention import attention


class TransformerBlock(keras.layers.Layer):
    """`x <- x + project(attention(LN(x)))`, then `x <- x + MLP(LN(x))`.

    Queries, keys and values come of one linear map without bias; the MLP has one hidden layer with GELU. With an
    embedding FiLM follows each LayerNorm.

    Args:
        heads: Attention heads, among which the features are divided.
        mlp_size: Units of the MLP's hidden layer.

    Call arguments: `x` `(B, N, C)`, C divisible by `heads`; `embedding` `None` or `(B, E)`. Returns the shape of `x`.

    Reference: Dosovitskiy et al. 2021, appendix A and equations 2, 3, arXiv:2010.11929.
    """

    def __init__(self, heads, mlp_size, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        self.mlp_size = mlp_size

    def build(self, x_shape, embedding_shape=None):
        size, options = x_shape[-1], {"dtype": self.dtype_policy}
        self.norms = [keras.layers.LayerNormalization(epsilon=1e-5, **options) for _ in range(2)]
        self.films = [FiLM(**options) for _ in range(2 if embedding_shape is not None else 0)]
        self.qkv = keras.layers.Dense(3 * size, use_bias=False, name="qkv", **options)
        self.project = keras.layers.Dense(size, name="project", **options)
        self.hidden = keras.layers.Dense(self.mlp_size, activation="gelu", name="hidden", **options)
        self.out = keras.layers.Dense(size, name="out", **options)
        for layer in (*self.norms, self.qkv, self.project, self.hidden):
            layer.build(x_shape)
        self.out.build((*x_shape[:-1], self.mlp_size))
        for film in self.films:
            film.build([x_shape, embedding_shape])

    def call(self, x, embedding=None):
        x = x + self.project(self._attended(self._normalised(x, 0, embedding)))
        return x + self.out(self.hidden(self._normalised(x, 1, embedding)))

    def _normalised(self, x, number, embedding):
        x = self.norms[number](x)
        return self.films[number]([x, embedding]) if self.films else x

    def _attended(self, x):
        batch, tokens, size = ops.shape(x)
        maps = ops.reshape(self.qkv(x), (batch, tokens, 3, self.heads, size // self.heads))
        return ops.reshape(attention(*(maps[:, :, k] for k in range(3))), (batch, tokens, size))

    def compute_output_shape(self, x_shape, embedding_shape=None):
        return tuple(x_shape)

    def get_config(self):
        return {**super().get_config(), "heads": self.heads, "mlp_size": self.mlp_size}
