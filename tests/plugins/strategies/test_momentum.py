"""The slow copy of the network: when it moves, what it costs the gradient, and that it is saved."""

import keras
import numpy as np
import pytest
from backends import tensorflow_only
from keras import ops

import tfregkit
from tfregkit.api import ConfigError, Network, Similarity
from tfregkit.backend.distribution import Distribution
from tfregkit.objective.objective import Objective
from tfregkit.training.checkpoint import Checkpoints, restore
from tfregkit.training.parts import variables
from tfregkit.training.trainer import Trainer

SHAPE = (3, 5, 7, 1)


class Encoding(Network):
    """One convolution, whose maps are the features and, subtracted, the field; it counts how often that is made."""

    stride = 1

    def __init__(self):
        super().__init__()
        self.convolution = keras.layers.Conv2D(2, 3, padding="same")
        self.norm = keras.layers.BatchNormalization()
        self.decoded = 0

    def encode(self, inputs, training=None):
        return {
            role: {"P0": self.norm(self.convolution(inputs[role]), training=training)} for role in ("moving", "fixed")
        }

    def call(self, inputs, training=None):
        self.decoded += 1
        features = self.encode(inputs, training)
        field = ops.cast(features["moving"]["P0"] - features["fixed"]["P0"], "float32")
        return {"displacement": field, "inverse": -field, "features": features}


class Likeness(Similarity):
    def call(self, fixed, moved, mask=None):
        return ops.mean(ops.square(fixed - moved), axis=(1, 2, 3))


class Looking(Similarity):
    """Compares with the target."""

    needs = ("features", "target")
    default_views = ("forward",)

    def call(self, fixed, moved, mask=None, features=None, target=None):
        maps = [found["moving"]["P0"] for found in (features, target.features)]
        return ops.mean(ops.square(ops.cast(maps[0] - maps[1], "float32")), axis=(1, 2, 3))


def batch(step):
    rng = np.random.default_rng(step)
    return {role: rng.random(SHAPE, dtype="float32") for role in ("moving", "fixed")}


def trainer(term=None, policy="float32", **options):
    keras.utils.set_random_seed(2)
    keras.config.set_dtype_policy(policy)
    try:
        network = Encoding()
    finally:
        keras.config.set_dtype_policy("float32")
    terms = {"likeness": Likeness(), **({} if term is None else {"looking": term})}
    strategy = tfregkit.build("strategy", "momentum", **{"decay": 0.75, **options})
    made = Trainer(network=network, objective=Objective(terms=terms), strategy=strategy)
    made.compile(optimizer=keras.optimizers.SGD(0.5), jit_compile=False)
    made.build_from(batch(0))
    return made


def byol():
    return tfregkit.build("similarity", "byol", width=3, hidden=5)


def floats(layer):
    return [ops.convert_to_numpy(v).astype(float) for v in layer.variables if "float" in v.dtype]


def tensors(step):
    return {name: ops.convert_to_tensor(array) for name, array in batch(step).items()}


def arrays(made):
    return {group: [ops.convert_to_numpy(v) for v in found] for group, found in variables(made).items()}


def train(made, steps, after=lambda: None):
    """Steps as `fit` takes them; the logs of each."""
    logged = []

    class After(keras.callbacks.Callback):
        def on_train_batch_end(self, number, logs=None):
            made.settle()
            logged.append(dict(logs))
            after()

    feed = iter([made.prepare([batch(step)], Distribution()) for step in steps])
    made.fit(made.fit_source(feed), steps_per_epoch=len(steps), shuffle=False, verbose=0, callbacks=[After()])
    made.settle()
    return logged


@pytest.mark.parametrize(("cosine", "symmetric"), [(None, True), (4, False)])
def test_averages_follow_the_recursion_exactly(cosine, symmetric):
    """Over three steps, in float64: each moves the copy towards the weights that the step before has left."""
    made, states = trainer(byol(), cosine_steps=cosine, symmetric=symmetric), []
    term = made.objective.terms["looking"]
    followed = [(made.network, made.strategy.average), (term.embedding, term.average)]

    def note():
        states.append([floats(layer) for layer, _ in followed])

    note()
    train(made, range(4), note)
    for which, (layer, average) in enumerate(followed):
        trained = [i for i, v in enumerate(layer.variables) if v.trainable]
        expected = [states[0][which][i] for i in trained]
        for step in range(1, 4):
            decay = 0.75 if cosine is None else 1 - 0.25 * (np.cos(np.pi * step / cosine) + 1) / 2
            theta = [states[step][which][i] for i in trained]
            expected = [decay * xi + (1 - decay) * v for xi, v in zip(expected, theta, strict=True)]
        for i, wanted in zip(trained, expected, strict=True):
            np.testing.assert_allclose(floats(average)[i], wanted, rtol=1e-5, atol=1e-7)
        assert any(not np.allclose(floats(average)[i], states[4][which][i], rtol=1e-3) for i in trained)
    assert float(ops.convert_to_numpy(made.strategy.steps)) == 4


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_first_step_looks_at_an_exact_copy(policy):
    made = trainer(Looking(), policy)
    first, second = train(made, range(2))
    assert first["looking"] == 0
    assert second["looking"] > 0
    assert {variable.dtype for variable in made.strategy.variables} == {"float32"}


@tensorflow_only
def test_no_gradient_reaches_the_copy():
    import tensorflow as tf

    made = trainer(byol())
    made(tensors(0), training=True)
    averages = [v.value for v in made.strategy.average.variables]
    with tf.GradientTape() as tape:
        tape.watch(averages)
        total = ops.sum(made(tensors(1), training=True)["total"])
    assert tape.gradient(total, averages) == [None] * len(averages)
    assert not {id(v) for v in made.trainable_variables} & {id(v) for v in made.strategy.variables}


@tensorflow_only
def test_tensorflow_keeps_reads_and_writes_of_every_variable_in_order():
    """In the graph as it is run: its optimiser drops an edge that follows from others, and some of these afterwards."""
    import tensorflow as tf
    from tensorflow.python.eager import context

    made = trainer(byol())
    made.optimizer.build(made.trainable_variables)
    step = tf.function(made.train_step, autograph=False)
    context.enable_run_metadata()
    step(tensors(0))
    graphs = [graph.post_optimization_graph for graph in context.export_run_metadata().function_graphs]
    context.disable_run_metadata()
    nodes = max(graphs, key=lambda graph: len(graph.node)).node
    users, touched = {}, {}
    for node in nodes:
        for given in node.input:
            users.setdefault(given.lstrip("^").split(":")[0], []).append(node.name)
        if node.op in ("ReadVariableOp", "AssignVariableOp", "AssignSubVariableOp", "AssignAddVariableOp"):
            touched.setdefault(node.input[0], []).append(node)

    def later(name):
        found, ahead = set(), [name]
        while ahead:
            fresh = [user for user in users.get(ahead.pop(), []) if user not in found]
            found.update(fresh)
            ahead += fresh
        return found

    assert sum(len(found) > 1 for found in touched.values()) > 20
    for found in touched.values():
        after = {node.name: later(node.name) for node in found}
        for write in (node for node in found if node.op != "ReadVariableOp"):
            for other in (node for node in found if node is not write):
                ordered = write.name in after[other.name] or other.name in after[write.name]
                assert ordered, f"{other.name} and {write.name} may run in either order"


def test_a_resumed_run_goes_on_exactly(tmp_path):
    straight, resumed = (trainer(byol(), cosine_steps=6) for _ in range(2))
    train(straight, range(2))
    path = Checkpoints(tmp_path).save(2, variables(straight), {})
    resumed.optimizer.build(resumed.trainable_variables)
    restore(path, variables(resumed))
    assert train(resumed, range(2, 4)) == train(straight, range(2, 4))
    for group, expected in arrays(straight).items():
        for one, other in zip(arrays(resumed)[group], expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_outside_training_nothing_moves():
    made = trainer(byol())
    made(tensors(0), training=True)
    before = arrays(made)
    values = [ops.convert_to_numpy(made(tensors(1), training=False)["looking"]) for _ in range(2)]
    np.testing.assert_array_equal(*values)
    for group, expected in before.items():
        for one, other in zip(arrays(made)[group], expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_only_the_features_of_the_copy_are_computed_and_only_for_a_term_that_looks():
    for term, averages in ((Looking(), 6), (None, 0)):
        made = trainer(term)
        made.network.decoded = 0
        made(tensors(0), training=True)
        assert made.network.decoded == 1
        assert len(made.strategy.average.variables) == averages


def test_a_network_without_features_is_named():
    class Blind(Encoding):
        encode = Network.encode

        def call(self, inputs, training=None):
            return {"displacement": ops.concatenate([inputs["moving"], inputs["fixed"]], axis=-1)}

    strategy = tfregkit.build("strategy", "momentum")
    made = Trainer(network=Blind(), objective=Objective(terms={"looking": byol()}), strategy=strategy)
    with pytest.raises(ConfigError, match="network `Blind` gives no features"):
        made.build_from(batch(0))
