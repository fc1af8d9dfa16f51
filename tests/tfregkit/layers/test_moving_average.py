import keras
import numpy as np
from keras import ops

from tfregkit.layers.moving_average import MovingAverage


def layer():
    """Weights that are trained, moving statistics, and the state of a random generator."""
    made = keras.Sequential(
        [keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5, seed=1)]
    )
    made.build((None, 5))
    return made


def values(variables):
    return [ops.convert_to_numpy(v) for v in variables]


def decay(number):
    return ops.convert_to_tensor(np.float32(number))


def floats(made):
    return [v for v in made.variables if "float" in v.dtype]


def test_follows_the_recursion_exactly():
    """a <- d a + (1 - d) v over three steps, in float64."""
    made, average, rng = layer(), MovingAverage(), np.random.default_rng(1)
    expected = None
    for number in (0.0, 0.9, 0.75, 0.5):
        for variable in floats(made):
            variable.assign(rng.normal(size=variable.shape))
        average.update(made, decay(number), [])
        now = [x.astype(float) for x in values(floats(made))]
        kept = now if expected is None else expected
        expected = [number * a + (1 - number) * v for a, v in zip(kept, now, strict=True)]
    for found, wanted in zip(values(average.averages), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


def test_the_average_of_what_does_not_change_is_exact():
    made, average = layer(), MovingAverage()
    for number in (0.0, 0.99, 0.3, 0.7):
        average.update(made, decay(number), [])
    for found, variable in zip(average.averages, floats(made), strict=True):
        np.testing.assert_array_equal(*values([found, variable]))


def test_seen_with_the_averages_a_layer_is_another_and_stays_as_it_was():
    made, average = layer(), MovingAverage()
    x = np.random.default_rng(2).normal(size=(4, 5)).astype("float32")
    average.update(made, decay(0), [])
    first = ops.convert_to_numpy(made(x))
    for variable in floats(made):
        variable.assign(variable + 1.0)
    later, state = ops.convert_to_numpy(made(x)), values(made.variables)
    with average.of(made):
        np.testing.assert_allclose(ops.convert_to_numpy(made(x)), first, rtol=1e-5, atol=1e-6)
        made(x, training=True)  # changes moving statistics and the generator: forgotten
    for before, after in zip(state, values(made.variables), strict=True):
        np.testing.assert_array_equal(after, before)
    np.testing.assert_array_equal(ops.convert_to_numpy(made(x)), later)


def test_averages_are_saved_untrained_float32_and_the_layers_variables_not_its_own():
    average = MovingAverage()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        made = layer()
        average.update(made, decay(0), [])
    finally:
        keras.config.set_dtype_policy("float32")
    assert len(average.variables) == len(floats(made)) == 6
    assert not average.trainable_variables
    assert {variable.dtype for variable in average.variables} == {"float32"}
    assert not {id(v) for v in average.variables} & {id(v) for v in made.variables}
    assert len({variable.path for variable in average.variables}) == 6
