"""The one module plugin classes import: the base class of every kind. It loads Keras; `tfregkit.hookimpl` does not."""

from tfregkit.component import Component
from tfregkit.config.settings import PathPattern, StageName
from tfregkit.data.base import Augmentation, Dataset, Pair, Split, Subject
from tfregkit.data.cache import user_cache_folder
from tfregkit.data.drawn_pairs import DrawnPairs
from tfregkit.data.folds import Fold, Fraction
from tfregkit.data.grid import Grid
from tfregkit.data.labelled_set import LabelledSet, class_numbers
from tfregkit.data.noise import smooth_noise
from tfregkit.data.pairs import Pairing
from tfregkit.data.splits import PARTS, Share, check_split, make_split
from tfregkit.data.tables import absolute, file_stem, is_pair_table, read_scans, read_split_pairs, unique_names
from tfregkit.data.views import VIEWS
from tfregkit.data.volume import read_grid, write_volume
from tfregkit.errors import ConfigError, DataError
from tfregkit.evaluation.base import Case, Metric
from tfregkit.files import atomic_path
from tfregkit.inference.local_correlation import squared_correlation
from tfregkit.models.base import Decoder, Encoder, Network, Pyramid, Stitcher
from tfregkit.models.image_coder import ImageCoder
from tfregkit.objective.base import FieldName, LatentName, Regularizer, Similarity
from tfregkit.objective.objective import Objective
from tfregkit.objective.settings import ObjectiveSettings
from tfregkit.objective.view import Samples, Target, View
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
    "PARTS",
    "VIEWS",
    "Augmentation",
    "Case",
    "Component",
    "ConfigError",
    "DataError",
    "Dataset",
    "Decoder",
    "DrawnPairs",
    "Encoder",
    "FieldName",
    "Fold",
    "Fraction",
    "Grid",
    "ImageCoder",
    "LatentName",
    "LabelledSet",
    "Metric",
    "Network",
    "Objective",
    "ObjectiveSettings",
    "Pair",
    "Pairing",
    "PathPattern",
    "Pyramid",
    "Regularizer",
    "Samples",
    "Share",
    "Similarity",
    "Split",
    "StageName",
    "Stitcher",
    "Strategy",
    "Subject",
    "Target",
    "View",
    "absolute",
    "atomic_path",
    "check_split",
    "class_numbers",
    "file_stem",
    "is_pair_table",
    "make_split",
    "read_grid",
    "read_scans",
    "read_split_pairs",
    "smooth_noise",
    "squared_correlation",
    "unique_names",
    "user_cache_folder",
    "write_volume",
]
