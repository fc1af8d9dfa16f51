"""Pure functions of fields and images in `keras.ops`, 2-D and 3-D, with fast kernels where the backend has them."""

from tfregkit.ops.affine import affine_to_displacement, compose_affine, invert_affine, resize_affine
from tfregkit.ops.compose import compose
from tfregkit.ops.grid import identity_grid
from tfregkit.ops.integrate import integrate
from tfregkit.ops.jacobian import jacobian_determinant
from tfregkit.ops.resize import resize_field, resize_image
from tfregkit.ops.value_and_gradients import value_and_gradients
from tfregkit.ops.warp import warp
from tfregkit.ops.window import box_sum

__all__ = [
    "affine_to_displacement",
    "box_sum",
    "compose",
    "compose_affine",
    "identity_grid",
    "integrate",
    "invert_affine",
    "jacobian_determinant",
    "resize_affine",
    "resize_field",
    "resize_image",
    "value_and_gradients",
    "warp",
]
