"""What per-pair refinement optimises, and the fields that come of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from tfregkit.ops import affine_to_displacement, compose, compose_affine, integrate, invert_affine, resize_field


class Optimised:
    """The array that is optimised for one pair, and the fields it stands for, with the names of a network's.

    It is the velocity where the network gives one, else the displacement. A velocity that comes with an inverse is a
    stationary one: it is integrated by 7 squarings and resized to the images' grid, so that the warp stays a
    diffeomorphism. Without an inverse (`steps: 0`) it is the displacement itself, perhaps on a coarser grid. An inverse
    without a velocity is a field of its own, and both are optimised.

    The affine part of a network stays as it is; of one that is nothing but affine it is what is optimised. Terms of the
    `posterior` see one whose means are the fields here, with the variances the network gave.

    Args:
        outputs: Of the network; see `refine`.
        shape: The images' grid.
    """

    def __init__(self, outputs: dict[str, np.ndarray], shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.only_affine = "affine" in outputs and not {"velocity", "deformation"} & set(outputs)
        self.two_way = "inverse" in outputs and "velocity" not in outputs and not self.only_affine
        self.stationary = "inverse" in outputs and "velocity" in outputs
        self.key = "velocity" if "velocity" in outputs else "displacement"
        self.names = set(outputs) if self.only_affine else set(outputs) - {"affine"}
        self.affine = ops.convert_to_tensor(outputs["affine"]) if "affine" in outputs else None
        self.log_variance = None
        if "posterior" in outputs:
            self.log_variance = ops.convert_to_tensor(np.split(outputs["posterior"], 2, axis=-1)[1])
        self.initial = self._initial(outputs)

    def fields(self, array: Any, inverse: bool = True) -> dict[str, Any]:
        """What the network would give, by name. An inverse that has to be computed takes time."""
        if self.only_affine:
            return self._of_affine(array, inverse)
        if self.two_way:
            fields = dict(zip(("displacement", "inverse"), _each(array), strict=True))
        else:
            fields = {self.key: array, "displacement": self._displacement(array)}
        if self.stationary and inverse:
            fields["inverse"] = self._displacement(-array)
        means = list(_each(array))
        if self.affine is not None:
            fields, means = self._beside_affine(fields, means)
        if self.log_variance is not None:
            means = [resize_field(field, self.log_variance.shape[1:-1]) for field in means]
            fields["posterior"] = ops.concatenate([*means, self.log_variance], axis=-1)
        return fields

    def _initial(self, outputs: dict[str, np.ndarray]) -> np.ndarray:
        if self.only_affine:  # in voxels by which each number moves the border
            return ((outputs["affine"] - np.eye(3, 4)) * self._reach).astype(np.float32)
        given = ("displacement", "inverse") if self.two_way else (self.key,)
        return np.concatenate([outputs[name] for name in given], axis=-1).astype(np.float32)

    @property
    def _reach(self) -> np.ndarray:
        return np.array([*((size - 1) / 2 for size in self.shape), 1.0], dtype=np.float32)

    def _of_affine(self, array: Any, inverse: bool) -> dict[str, Any]:
        matrix = array / ops.convert_to_tensor(self._reach) + ops.eye(3, 4)
        fields = {"affine": matrix, "displacement": affine_to_displacement(matrix, self.shape)}
        if inverse:
            fields["inverse"] = affine_to_displacement(invert_affine(matrix), self.shape)
        return fields

    def _beside_affine(self, fields: dict[str, Any], means: list[Any]) -> tuple[dict[str, Any], list[Any]]:
        """The fields with the affine applied to the image first, and the means without it.

        A velocity is that of the deformation alone; a displacement that is optimised itself has the affine in it.
        """
        back = invert_affine(self.affine)
        if self.key == "velocity":
            fields = {**fields, "deformation": fields["displacement"]}
            fields["displacement"] = compose_affine(self.affine, fields["deformation"])
            if "inverse" in fields:
                fields["inverse"] = compose(fields["inverse"], affine_to_displacement(back, self.shape))
        else:
            fields = {**fields, "deformation": compose_affine(back, fields["displacement"])}
            there = affine_to_displacement(self.affine, self.shape)
            means = [fields["deformation"], *(compose(field, there) for field in means[1:])]
        return {**fields, "affine": self.affine}, means

    def _displacement(self, field: Any) -> Any:
        return resize_field(integrate(field) if self.stationary else field, self.shape)


def _each(array: Any) -> list[Any]:
    """The fields side by side in the channels."""
    return ops.split(array, array.shape[-1] // (len(array.shape) - 2), axis=-1)
