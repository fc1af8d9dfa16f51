"""What a component writes of itself, and what Keras reads back."""

from pathlib import Path

import keras
import numpy as np

import tfregkit
from tfregkit.api import Similarity


class Weighted(Similarity):
    """A similarity whose parameters are of every kind that needs care."""

    def __init__(
        self,
        *,
        parts: list[Similarity],
        shares: tuple[float, ...] = (1.0, 2.0),
        named: dict[str, Similarity] | None = None,
        file: Path | None = None,
        word: str = "a/b",
    ) -> None:
        super().__init__()
        self.parts, self.shares, self.named, self.file, self.word = parts, shares, named, file, word

    def call(self, fixed, moved):
        return sum(share * part(fixed, moved) for share, part in zip(self.shares, self.parts, strict=True))


def test_lists_mappings_tuples_and_paths_survive_keras():
    parts = [tfregkit.build("similarity", "mse"), tfregkit.build("similarity", "ncc", window=5)]
    one = Weighted(parts=parts, named={"a": tfregkit.build("similarity", "ncc", window=3)}, file=Path("/x/weights.h5"))
    two = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(one))
    assert two.get_config() == one.get_config()
    assert [type(part).__name__ for part in two.parts] == ["MSE", "NCC"]
    assert (two.parts[1].window, two.named["a"].window) == (5, 3)
    assert (two.shares, two.file, two.word) == ((1.0, 2.0), Path("/x/weights.h5"), "a/b")
    images = np.random.default_rng(0).uniform(size=(2, 1, 7, 11, 13, 1)).astype("float32")
    np.testing.assert_array_equal(two(*images), one(*images))
