"""Which of a step's changes comes first."""

from __future__ import annotations

from typing import Any

import keras


def gradient_after(outputs: Any, done: list[Any]) -> Any:
    """The outputs, with gradients that are computed only when the variables in `done` have their values of now.

    Whatever the gradients change (the weights, by the optimiser) so comes after whatever changed these variables, and
    after all that was read for it. TensorFlow orders reads and writes of a variable by edges of its graph, and
    leaves edges out that follow from others; some of the others it leaves out later. Elsewhere the order is that of the
    program.

    Args:
        outputs: Tensors, nested.
        done: Variables that have just been assigned to.
    """
    if keras.backend.backend() == "tensorflow":
        from tfregkit.backend.gradient_order_tensorflow import gradient_after_tensorflow

        return gradient_after_tensorflow(outputs, done)
    return outputs
