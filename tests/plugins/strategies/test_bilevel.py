"""The bilevel strategy inside a step: its hypergradient, and that nothing but what is learned changes."""

import keras
import numpy as np
import pytest
from backends import tensorflow_only
from keras import ops
from scipy.ndimage import gaussian_filter

import tfregkit
from tfregkit.api import ConfigError, Network, Similarity
from tfregkit.backend.distribution import Distribution
from tfregkit.objective.objective import Objective
from tfregkit.training.parts import variables
from tfregkit.training.trainer import Trainer
from tfregkit_plugins.strategies import bilevel
from tfregkit_plugins.strategies.positive_numbers import PositiveNumbers

pytestmark = tensorflow_only
SHAPE = (2, 7, 11, 1)
MSE = {"terms": {"likeness": {"similarity": {"name": "mse"}}}}


class Small(Network):
    """Two convolutions with normalisation between them; they draw nothing and are smooth."""

    stride = 1

    def __init__(self):
        super().__init__()
        self.first = keras.layers.Conv2D(4, 3, padding="same", activation="tanh")
        self.norm = keras.layers.BatchNormalization(momentum=0.5)
        self.last = keras.layers.Conv2D(2, 3, padding="same", dtype="float32")

    def encode(self, inputs, training=None):
        return {role: {"P0": self.first(ops.concatenate([inputs[role]] * 2, axis=-1))} for role in ("moving", "fixed")}

    def call(self, inputs, training=None):
        joined = ops.concatenate([inputs["moving"], inputs["fixed"]], axis=-1)
        field = self.last(self.norm(self.first(joined), training=training))
        return {"displacement": field, "features": self.encode(inputs)}


def batch(step):
    """Smooth images: of noise, interpolated linearly, the loss has a kink at every voxel."""
    rng = np.random.default_rng(step)
    images = (gaussian_filter(rng.normal(size=SHAPE), (0, 2, 2, 0), mode="wrap") for _ in range(2))
    return {role: (4 * image).astype("float32") for role, image in zip(("moving", "fixed"), images, strict=True)}


def tensors(step):
    return {name: ops.convert_to_tensor(array) for name, array in batch(step).items()}


def trainer(policy="float32", strategy="bilevel", rate=0.1, extra=None, optimizer=None, **options):
    keras.utils.set_random_seed(4)
    keras.config.set_dtype_policy(policy)
    try:
        network = Small()
    finally:
        keras.config.set_dtype_policy("float32")
    terms = {"likeness": tfregkit.build("similarity", "mse"), "smooth": tfregkit.build("regularizer", "diffusion")}
    objective = Objective(terms={**terms, **(extra or {})}, weights={"smooth": 0.05})
    if strategy == "bilevel":
        options = {"learn": ["smooth", "likeness.sigma"], **options}
    made = tfregkit.build("strategy", strategy, **options)
    made.connect(objective)
    found = Trainer(network=network, objective=objective, strategy=made)
    found.compile(optimizer=optimizer or keras.optimizers.SGD(rate), jit_compile=False)
    found.build_from(batch(0))
    found.optimizer.build(found.trainable_variables)
    return found


def train(made, steps, every=1):
    """Steps as `fit` takes them; the logs of each."""
    logged = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, number, logs=None):
            logged.append(dict(logs))

    batches = [{**batch(s), **({} if s % every else {"held_out": batch(s + 50)})} for s in steps]
    feed = iter([made.prepare([found], Distribution()) for found in batches])
    made.fit(made.fit_source(feed), steps_per_epoch=len(steps), shuffle=False, verbose=0, callbacks=[Note()])
    return logged


def arrays(made):
    return {group: [ops.convert_to_numpy(v) for v in found] for group, found in variables(made).items()}


def captured(made, monkeypatch):
    """What one change of the learned numbers computed: the arguments and the result of `hypergradient`."""
    seen = []

    def note(*arguments, **options):
        found = bilevel_hypergradient(*arguments, **options)
        seen.append((arguments, options, np.array([float(ops.convert_to_numpy(x)) for x in found])))
        return found

    bilevel_hypergradient = bilevel.hypergradient
    with monkeypatch.context() as patch:
        patch.setattr(bilevel, "hypergradient", note)
        made.strategy.before_update(made, tensors(0), {**tensors(50), **labels()})
    return seen[0]


def labels():
    """Two structures beside the background, elsewhere in the two images."""
    rng = np.random.default_rng(8)
    drawn = (rng.integers(0, 3, SHAPE).astype("int32") * 4 for _ in range(2))
    return {
        f"{role}_labels": ops.convert_to_tensor(each) for role, each in zip(("moving", "fixed"), drawn, strict=True)
    }


def test_the_network_is_one_for_the_inner_strategy():
    inner = tfregkit.build("strategy", "unsupervised")
    seen = []
    inner.check_network = seen.append
    made = tfregkit.build("strategy", "bilevel", learn=["smooth"], inner=inner)
    network = Small()
    made.check_network(network)
    assert seen == [network]
    single = tfregkit.build("strategy", "bilevel", learn=["dice"], inner={"name": "segmentation"})
    assert (single.takes, single.roles) == (("logits",), ("fixed",))


def test_items_have_what_the_inner_strategy_draws():
    inner = tfregkit.build("strategy", "unsupervised")
    inner.item = lambda arrays, rng: {"drawn": arrays["fixed"] + rng.random()}
    made = tfregkit.build("strategy", "bilevel", learn=["smooth"], inner=inner)
    found = made.item({"fixed": np.zeros(3)}, np.random.default_rng(2))
    np.testing.assert_array_equal(found["drawn"], np.full(3, np.random.default_rng(2).random()))


@pytest.mark.parametrize(
    "options",
    [{}, {"upper": MSE}, {"upper": "dice+smoothness", "structures": {"first": [4], "second": [8]}, "roughness": 0.2}],
    ids=["fixed", "own", "dice"],
)
def test_agrees_with_exact_double_back_propagation(options, monkeypatch):
    import tensorflow as tf

    (lower, above, weights, learned), how, found = captured(trainer(**options), monkeypatch)
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        outer.watch(learned)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(weights)
            value = lower(weights, learned)
        slopes = inner.gradient(value, weights, unconnected_gradients="zero")
        reached = above([w - how["rate"] * slope for w, slope in zip(weights, slopes, strict=True)], learned)
    exact = np.array(outer.gradient(reached, learned))
    assert (np.abs(exact) > 1e-5).all()
    np.testing.assert_allclose(found, exact, rtol=1e-2)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_mixed_policy_gives_the_same_within_its_digits(policy, monkeypatch):
    """Differences of rounded losses would be noise: with all digits switched off for the differences it is."""
    expected = captured(trainer(rate=0.02), monkeypatch)[2]
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.02)) if "float16" in policy else None
    made = trainer(policy, rate=0.02, optimizer=optimizer)
    np.testing.assert_allclose(captured(made, monkeypatch)[2], expected, rtol=0.05)
    assert made.network.first.compute_dtype == policy.removeprefix("mixed_")


def test_only_what_is_learned_changes_bit_for_bit():
    """Not the weights, moving statistics, the optimiser's state, nor the inner strategy's averages."""
    extra = {"byol": tfregkit.build("similarity", "byol", width=3, hidden=5)}
    made = trainer(inner={"name": "momentum", "decay": 0.5}, extra=extra)
    made(tensors(0), training=True)
    before = arrays(made)
    for step in range(2):
        made.strategy.before_update(made, tensors(step), tensors(step + 50))
    after, learned = arrays(made), {id(v) for v in made.objective.learned.values()}
    changed = {
        variable.path
        for group, members in variables(made).items()
        for variable, one, other in zip(members, before[group], after[group], strict=True)
        if not np.array_equal(one, other)
    }
    names = [v.path for v in [*made.objective.learned.values(), *made.strategy.numbers.variables]]
    assert changed == set(names)
    assert not learned & {id(v) for v in made.trainable_variables}
    assert not {id(v) for v in made.strategy.numbers.variables} & {id(v) for v in made.trainable_variables}


def test_with_the_numbers_held_training_is_that_of_the_inner_strategy(monkeypatch):
    monkeypatch.setattr(PositiveNumbers, "descend", lambda self, gradient, **_: ops.convert_to_tensor([0.05, 1.0]))
    one, other = trainer(), trainer(strategy="unsupervised")
    for name in ("smooth", "likeness.sigma"):
        other.objective.learn(name)
    logged = [train(made, range(4), every) for made, every in ((one, 1), (other, 9))]
    assert [{name: step[name] for name in ("loss", "likeness", "smooth")} for step in logged[0]] == logged[1]
    for left, right in zip(arrays(one)["network"], arrays(other)["network"], strict=True):
        np.testing.assert_array_equal(left, right)


def test_outside_training_the_total_is_the_upper_objectives():
    held, own = trainer(upper_values={"smooth": 0.7}), trainer(upper=MSE)
    for made in (held, own):
        made.objective.learned["smooth.weight"].assign(5.0)
    seen = [made(tensors(1), training=False) for made in (held, own)]
    values = [{name: ops.convert_to_numpy(value) for name, value in terms.items()} for terms in seen]
    np.testing.assert_allclose(values[0]["total"], values[0]["likeness"] + 0.7 * values[0]["smooth"], rtol=1e-6)
    np.testing.assert_allclose(values[1]["total"], values[1]["likeness"], rtol=1e-6)
    trained = held(tensors(1), training=True)
    np.testing.assert_allclose(trained["total"], trained["likeness"] + 5.0 * trained["smooth"], rtol=1e-6)


def test_the_papers_upper_objective_drifts_and_says_so():
    made = trainer(upper="paper", learn=["smooth"], learning_rate=0.1)
    assert "weights of positive terms shrink" in made.strategy.caution()
    assert trainer(strategy="unsupervised").strategy.caution() is None
    seen = []
    for _ in range(3):
        made.strategy.before_update(made, tensors(0), tensors(50))
        seen.append(float(ops.convert_to_numpy(made.objective.learned["smooth.weight"])))
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 0.05 * 0.85


def test_hyper_steps_come_every_so_often_from_a_step_on():
    made = tfregkit.build("strategy", "bilevel", learn=["smooth"], every=3, start=4)
    assert [made.held_out(step) for step in range(12)] == [None] * 4 + [0, None, None, 1, None, None, 2, None]


class Forgetful(Similarity):
    """Has a number that its value does not depend on."""

    def __init__(self, *, sharpness: float = 1.0) -> None:
        super().__init__()
        self.sharpness = sharpness

    def call(self, fixed, moved, mask=None):
        return ops.mean(ops.abs(fixed - moved), axis=(1, 2, 3))


def test_what_the_loss_does_not_depend_on_is_named():
    made = trainer(extra={"odd": Forgetful()}, learn=["smooth", "odd.sharpness"])
    with pytest.raises(ConfigError, match=r"not differentiable in `odd.sharpness`. Leave it out of `learn`"):
        made.strategy.before_update(made, tensors(0), tensors(50))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learn": ["smoth"]}, "`smoth` is no hyper-parameter of the objective. Did you mean `smooth`"),
        (
            {"upper_values": {"sharp": 1.0}},
            "`upper_values` names `sharp`, which is not learned. Learned: smooth.weight",
        ),
        ({"upper": MSE, "upper_values": {"smooth": 1.0}}, "`upper_values` are those that `upper: fixed_weights` holds"),
        ({"inner": {"name": "bilevel", "learn": ["smooth"]}}, "`inner` must be a strategy that does not look at valid"),
        ({"upper": "dice+smoothness"}, "`upper: dice.smoothness` and `structures` go together"),
        ({"upper": {**MSE, "lambda": 0.5}}, "an objective that judges has no lambda"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        trainer(**options)


def test_an_upper_objective_with_weights_of_its_own_is_refused():
    upper = {"terms": {"byol": {"similarity": {"name": "byol", "width": 3}}}}
    made = trainer(upper=upper, inner={"name": "momentum"})
    with pytest.raises(ConfigError, match="a term of `upper` has weights of its own"):
        made.strategy.before_update(made, tensors(0), tensors(50))
