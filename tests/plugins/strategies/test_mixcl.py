"""What the MixCL step computes and shows to the objective, and which voxels it draws."""

import keras
import numpy as np
import pytest
from keras import ops
from references import mixcl

import tfregkit
from tfregkit.api import Similarity
from tfregkit.errors import ConfigError
from tfregkit.objective.objective import Objective

SHAPE = (8, 12, 4)
VIEWS = ("fixed_view", "fixed_second_view", "moving_view")
TERMS = {"identity": "identity_consistency", "label": "label_consistency", "reconstruction": "mse"}
WEIGHTS = {"label": 0.01, "reconstruction": 0.02}


def label_maps():
    maps = {role: np.zeros(SHAPE, np.int32) for role in ("fixed", "moving")}
    maps["fixed"][2:6, 3:9] = 2
    maps["moving"][:5, 1:7] = 2
    maps["moving"][6:, 4:] = 5
    return {f"{role}_labels": labels for role, labels in maps.items()}


def strategy(objective, **options):
    made = tfregkit.build("strategy", "mixcl", **{"budget": 5, "classes": 3, **options})
    made.connect(objective)
    return made


def objective(*names, **terms):
    terms |= {name: tfregkit.build("similarity", TERMS[name]) for name in names}
    return Objective(terms=terms, weights=WEIGHTS)


def batch(made, labels=None):
    rng = np.random.default_rng(4)
    found = {name: rng.random((2, *SHAPE, 1), dtype="float32") for name in ("fixed", "moving", *VIEWS)}
    items = [made.item(labels or label_maps(), np.random.default_rng(i)) for i in range(2)]
    found |= {name: np.stack([item[name] for item in items]) for name in items[0]}
    return {name: ops.convert_to_tensor(array) for name, array in found.items()}


def network(**options):
    """With biases, so that no embedding is 0."""
    encoder = {"name": "unet", "filters": [3, 4, 3]}
    decoder = {"name": "unet", "filters": [3, 2]}
    made = tfregkit.build("network", "mixcl", encoder=encoder, reconstructor=decoder, **options)
    made({"fixed": np.zeros((1, *SHAPE, 1), "float32")})
    rng = np.random.default_rng(5)
    for variable in made.trainable_variables:
        variable.assign(0.5 * rng.normal(size=variable.shape))
    made.head.kernel.assign(1e-4 * made.head.kernel)  # images of the patches' size, so that it counts which is compared
    return made


class Watched:
    """A network that keeps what it was asked for."""

    def __init__(self):
        self.network = network()

    def __call__(self, inputs, **asked):
        self.inputs, self.asked = inputs, asked
        return self.network(inputs, **asked)


def arrays(tree):
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def rows(x):
    return x.reshape(-1, x.shape[-1])


def test_the_terms_are_equations_2_to_6_of_the_networks_outputs():
    terms, made = objective(*TERMS), network()
    step = strategy(terms)
    given = batch(step)
    found = arrays(step(given, network=made, objective=terms, training=True))
    outputs = arrays(made({name: given[name] for name in VIEWS}))
    given = arrays(given)
    z = outputs["embeddings"]
    identity = mixcl.identity_loss(
        [tuple(rows(z[view][level]) for view in VIEWS[:2]) for level in ("P0", "P1", "P2")], 5e-3
    )
    for item in range(2):
        sides = []
        for view, role in (("fixed_view", "fixed"), ("moving_view", "moving")):
            places = tuple(given[f"{role}_points"][item].T)
            sides.append((z[view]["P1"][item][places], given[f"{role}_classes"][item]))
        (first, first_classes), (second, second_classes) = sides
        label = mixcl.label_loss(first, second, first_classes, second_classes, 0.1)
        images = [(given[name[: name.index("_")]][item], outputs["reconstructions"][name][item]) for name in VIEWS]
        reconstruction = np.mean([((image - again) ** 2).mean() for image, again in images])
        expected = {"identity": identity, "label": label, "reconstruction": reconstruction}
        expected["total"] = identity + 0.01 * label + 0.02 * reconstruction
        assert label > 0.01
        assert reconstruction < 2
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][item], value, rtol=2e-4, err_msg=name)


@pytest.mark.parametrize(
    ("names", "views", "project", "reconstruct"),
    [
        (["identity"], VIEWS[:2], {VIEWS[0]: None, VIEWS[1]: None}, []),
        (["label"], (VIEWS[0], VIEWS[2]), {VIEWS[0]: ["P1"], VIEWS[2]: ["P1"]}, []),
        (["reconstruction"], VIEWS, {}, list(VIEWS)),
        (["identity", "label"], VIEWS, {VIEWS[0]: None, VIEWS[1]: None, VIEWS[2]: ["P1"]}, []),
    ],
)
def test_what_no_term_looks_at_is_not_computed(names, views, project, reconstruct):
    terms, watched = objective(*names), Watched()
    step = strategy(terms)
    found = arrays(step(batch(step), network=watched, objective=terms, training=True))
    assert tuple(watched.inputs) == tuple(views)
    assert watched.asked == {"project": project, "reconstruct": reconstruct, "training": True}
    assert set(names) < set(found)
    assert ("labels" in step.needs) == ("label" in names)
    assert bool(step.item(label_maps(), np.random.default_rng(0))) == ("label" in names)
    assert "views" in step.needs


class OneView(Similarity):
    """A term of somebody else's, which names its view."""

    default_views = ("moving_view",)

    def call(self, fixed, moved, mask=None):
        return ops.mean(ops.abs(fixed - moved), axis=(1, 2, 3, 4))


def test_a_reconstruction_of_one_view_alone():
    terms, watched = objective(mine=OneView()), Watched()
    step = strategy(terms)
    given = batch(step)
    found = arrays(step(given, network=watched, objective=terms))
    again = watched.network({"moving_view": given["moving_view"]})["reconstructions"]["moving_view"]
    np.testing.assert_allclose(
        found["mine"], np.abs(arrays(given["moving"]) - arrays(again)).mean((1, 2, 3, 4)), rtol=1e-4
    )
    assert list(watched.inputs) == ["moving_view"]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_voxels_are_drawn_on_the_levels_grid(level):
    terms = objective("label")
    step = strategy(terms, level=level)
    labels = label_maps()
    found = step.item(labels, np.random.default_rng(3))
    factor = 2**level
    for role in ("fixed", "moving"):
        points, classes = found[f"{role}_points"], found[f"{role}_classes"]
        assert points.shape == (15, 3)
        assert classes.shape == (15,)
        assert points.dtype == classes.dtype == np.int32
        used = classes >= 0
        assert 2 in classes
        assert (points < np.array(SHAPE) // factor).all()
        centres = tuple(points[used].T * factor + factor // 2)
        np.testing.assert_array_equal(labels[f"{role}_labels"][centres], classes[used])


def test_items_without_labels_give_no_label_loss():
    terms, made = objective(*TERMS), network()
    step = strategy(terms)
    unlabelled = {name: np.full_like(labels, -1) for name, labels in label_maps().items()}
    found = arrays(step(batch(step, unlabelled), network=made, objective=terms))
    np.testing.assert_array_equal(found["label"], 0)
    assert found["label.positives"] == 0
    assert found["identity"].min() > 0
    np.testing.assert_allclose(found["total"], found["identity"] + 0.02 * found["reconstruction"], rtol=1e-6)


def test_what_does_not_go_together_is_said():
    terms = objective("label")
    step = strategy(terms)
    with pytest.raises(ConfigError, match=r"strategy.level: 1: the network embeds no P1. Name it among its `levels`"):
        step(batch(step), network=network(levels=[0, 2]), objective=terms)
    with pytest.raises(ConfigError, match=r"level: 1: the network embeds P0, P2 alone. Name it among its `levels`"):
        step.check_network(network(levels=[0, 2]))
    strategy(objective("identity")).check_network(network(levels=[0, 2]))
    with pytest.raises(ConfigError, match=r"strategy.level: 3: patches of 8x12x4 voxels have none at 1/8 of the size"):
        strategy(terms, level=3).item(label_maps(), np.random.default_rng(0))
    with pytest.raises(ConfigError, match="no similarity is among the terms, so nothing is looked at"):
        strategy(Objective(terms={"smooth": tfregkit.build("regularizer", "diffusion")}))
    wrong = Objective(terms={"mine": OneView()}, views={"mine": ["forward"]})
    with pytest.raises(ConfigError, match=r"there is no view `forward` for a term. There are fixed_view, .*, label"):
        strategy(wrong)
    masked = Objective(terms={"mine": OneView()}, mask="fixed")
    with pytest.raises(ConfigError, match="objective.mask: `fixed` is not there: patches are looked at whole"):
        strategy(masked)
