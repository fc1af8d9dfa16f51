"""The one module plugin classes import: the base class of every kind. It loads Keras; `tfregkit.hookimpl` does not."""

from tfregkit.component import Component
from tfregkit.data.base import Augmentation, Dataset, Pair, Split, Subject
from tfregkit.errors import ConfigError, DataError
from tfregkit.evaluation.base import Case, Metric
from tfregkit.models.base import Decoder, Encoder, Network, Pyramid, Stitcher
from tfregkit.objective.base import Regularizer, Similarity
from tfregkit.training.strategy import Strategy

KINDS: dict[str, type] = {
    "similarity": Similarity,
    "regularizer": Regularizer,
    "encoder": Encoder,
    "decoder": Decoder,
    "network": Network,
    "stitcher": Stitcher,
    "strategy": Strategy,
    "dataset": Dataset,
    "augmentation": Augmentation,
    "metric": Metric,
}
"""The kinds of component and the class each must derive from."""

__all__ = [
    "KINDS",
    "Augmentation",
    "Case",
    "Component",
    "ConfigError",
    "DataError",
    "Dataset",
    "Decoder",
    "Encoder",
    "Metric",
    "Network",
    "Pair",
    "Pyramid",
    "Regularizer",
    "Similarity",
    "Split",
    "Stitcher",
    "Strategy",
    "Subject",
]
