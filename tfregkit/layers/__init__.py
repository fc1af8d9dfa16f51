"""Keras layers of deformable registration, 2-D and 3-D, on any Keras backend."""

from tfregkit.layers.compose_fields import ComposeFields
from tfregkit.layers.film import FiLM
from tfregkit.layers.full_precision import full_precision
from tfregkit.layers.resize_field import ResizeField
from tfregkit.layers.spatial_transformer import SpatialTransformer
from tfregkit.layers.vec_int import VecInt

__all__ = ["ComposeFields", "FiLM", "ResizeField", "SpatialTransformer", "VecInt", "full_precision"]
