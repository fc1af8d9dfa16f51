"""What the replicas of a training step know of each other."""

from __future__ import annotations

from typing import Any

from tfregkit.backend.replicas import averaged, gathered


def all_replicas(rows: Any) -> tuple[Any, Any]:
    """The rows of all replicas, one replica's after the other's; gradients flow back to the replica they came from.

    Args:
        rows: `(B, ...)` of this replica; the same shape on all of them.

    Returns:
        The rows of the whole batch, `(B replicas, ...)`, and the place of this replica's first row among them. Outside
        a distributed step, and on backends that train on one device, they are the rows themselves and 0.
    """
    return gathered(rows)


def replica_mean(values: Any) -> Any:
    """The mean of all replicas' values, the same on each of them; no gradient flows through it.

    Args:
        values: Tensors, nested; the same shapes on all replicas.
    """
    return averaged(values)
