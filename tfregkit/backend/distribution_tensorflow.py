"""`tf.distribute`: one device, all devices of a machine, or several machines that meet over the network."""

from __future__ import annotations

import functools
import json
import os

import tensorflow as tf

from tfregkit.backend.distribution import Distribution
from tfregkit.errors import ConfigError

_TF_CONFIG_HELP = (
    "It must hold the addresses of all workers and this process' own number, the same command on each: "
    'TF_CONFIG=\'{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}\''
)


def open_tensorflow(name: str) -> Distribution:
    """See `open_distribution`."""
    if name == "auto":
        name = _what_fits()
    if name == "multiworker":
        return _multiworker()
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        strategy = _mirrored(tuple(device.name for device in devices))
        return Distribution(len(devices), range(len(devices)), strategy=strategy)
    return Distribution()


def _what_fits() -> str:
    if len(_cluster().get("cluster", {}).get("worker", [])) > 1:
        return "multiworker"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "none"


def _cluster() -> dict:
    """`TF_CONFIG`, empty when it is not set."""
    text = os.environ.get("TF_CONFIG", "")
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise ConfigError(f"TF_CONFIG is no JSON ({error}). {_TF_CONFIG_HELP}") from error


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(
        list(devices), cross_device_ops=None if "GPU" in devices[0] else tf.distribute.ReductionToOneDevice()
    )


@functools.cache
def _multiworker() -> Distribution:
    """Connect to the other workers, once per process: TensorFlow forbids it after the first operation."""
    config = _cluster()
    workers = config.get("cluster", {}).get("worker", [])
    task = config.get("task", {})
    index = task.get("index", 0)
    if not workers or task.get("type", "worker") != "worker" or not 0 <= index < len(workers):
        raise ConfigError(
            f"trainer.distribute: `multiworker` needs the environment variable TF_CONFIG. {_TF_CONFIG_HELP}"
        )
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    replicas = strategy.num_replicas_in_sync
    local = replicas // len(workers)
    return Distribution(replicas, range(index * local, (index + 1) * local), index, len(workers), strategy)
