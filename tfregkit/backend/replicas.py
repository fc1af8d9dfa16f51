"""What is exchanged between the replicas of a training step."""

from __future__ import annotations

from typing import Any

import keras


def gathered(rows: Any) -> tuple[Any, Any]:
    """See `tfregkit.ops.all_replicas`."""
    if keras.backend.backend() == "tensorflow":
        from tfregkit.backend.replicas_tensorflow import gathered_tensorflow

        return gathered_tensorflow(rows)
    return rows, 0


def averaged(values: Any) -> Any:
    """See `tfregkit.ops.all_replicas.replica_mean`."""
    if keras.backend.backend() == "tensorflow":
        from tfregkit.backend.replicas_tensorflow import averaged_tensorflow

        return averaged_tensorflow(values)
    return values
