import warnings

import keras
import numpy as np
from backends import tensorflow_only

from tfregkit.training.unused import unused_weights_told


class Half(keras.Model):
    """Two layers, of which one is looked at."""

    def __init__(self):
        super().__init__()
        self.seen, self.unseen = keras.layers.Dense(2, name="seen"), keras.layers.Dense(3, name="unseen_7")

    def call(self, x):
        self.unseen(x)
        return self.seen(x)


@tensorflow_only
def test_weights_without_a_gradient_are_told_and_other_warnings_shown():
    model, told = Half(), []
    model.compile(optimizer="sgd", loss="mse")
    rng = np.random.default_rng(2)
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        with unused_weights_told(told.append):
            model.fit(rng.normal(size=(5, 4)), rng.normal(size=(5, 2)), verbose=0)
            warnings.warn("something else", stacklevel=1)
    assert [str(other.message) for other in others] == ["something else"]
    (message,) = told
    assert message.startswith("2 weights stay as they are, for no term of the objective depends on them: ")
    assert message.endswith("/unseen (2)")
