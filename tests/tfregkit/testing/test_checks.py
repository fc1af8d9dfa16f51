"""Each conformance check fails for a component that breaks its rule, and says what is wrong."""

import keras
import numpy as np
import pytest
from keras import ops

import tfregkit.testing
from tfregkit.api import (
    Augmentation,
    Case,
    Dataset,
    Encoder,
    Metric,
    Network,
    Pair,
    Regularizer,
    Similarity,
    Split,
    Stitcher,
    Strategy,
    Subject,
)
from tfregkit.testing import (
    augmentation,
    check_similarity,
    dataset,
    encoder,
    metric,
    network,
    regularizer,
    similarity,
    stitcher,
    strategy,
)


def axes(x):
    return tuple(range(1, len(x.shape)))


def difference(fixed, moved):
    return ops.mean(ops.square(fixed - moved), axis=axes(fixed))


def made(base, call, **parts):
    """A component with that `call`, and a constructor without parameters."""
    return type("Mine", (base,), {"__init__": lambda self: base.__init__(self), "call": call, **parts})()


SIMILARITIES = [
    ("one_finite_float32_per_item", lambda s, f, m, mask=None: ops.mean(difference(f, m)), "one value per item"),
    ("one_finite_float32_per_item", lambda s, f, m, mask=None: ops.log(difference(f, m) * -1), "must be finite"),
    ("one_finite_float32_per_item", lambda s, f, m, mask=None: ops.cast(difference(f, m), "float16"), "float32"),
    ("items_are_independent", lambda s, f, m, mask=None: difference(f, m) + ops.mean(m), "depends on its batch"),
    ("lower_when_aligned", lambda s, f, m, mask=None: -difference(f, m), "not lower when aligned"),
    ("gradient_leads_downhill", lambda s, f, m, mask=None: difference(f, ops.stop_gradient(m)), "is zero"),
    (
        "gradient_leads_downhill",
        lambda s, f, m, mask=None: difference(f, 2 * ops.stop_gradient(m) - m),
        "does not lower the value",
    ),
    ("defined_for_constant_images", lambda s, f, m, mask=None: difference(f, m) / ops.max(f - ops.min(f)), "finite"),
    ("defined_for_constant_images", lambda s, f, m, mask=None: ops.sqrt(difference(f, m)), "gradient is not finite"),
    ("respects_the_mask", lambda s, f, m, mask=None: difference(f, m), "the mask is ignored"),
    (
        "respects_the_mask",
        lambda s, f, m, mask=None: (
            ops.sum(ops.square(f - m) * (1 if mask is None else mask), axis=axes(f))
            / (ops.cast(ops.size(f[0]), "float32") if mask is None else ops.sum(mask, axis=axes(f)))
        ),
        "must be finite",
    ),
    (
        "float32_under_mixed_precision",
        lambda s, f, m, mask=None: ops.cast(difference(f, m), keras.config.dtype_policy().compute_dtype),
        "float32",
    ),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("check", "call", "message"), SIMILARITIES)
def test_bad_similarities(check, call, message):
    with pytest.raises(AssertionError, match=message):
        getattr(similarity, check)(made(Similarity, call))


def test_terms_that_watch_are_checked_by_their_values():
    def call(self, fixed, moved, mask=None):
        values = difference(fixed, moved)
        return values, {"mean": ops.mean(values)}

    for check in (similarity.one_finite_float32_per_item, similarity.lower_when_aligned):
        check(made(Similarity, call, watches=("mean",)))
        with pytest.raises(AssertionError, match=r"watches \['mean'\], but `watches` says \('median',\)"):
            check(made(Similarity, call, watches=("median",)))


def test_all_checks_of_a_kind_at_once():
    with pytest.raises(AssertionError, match="not lower when aligned"):
        check_similarity(made(Similarity, lambda s, f, m, mask=None: -difference(f, m)))
    with pytest.raises(AttributeError, match="check_nothing"):
        tfregkit.testing.check_nothing  # noqa: B018


def test_parameters_are_kept_under_their_names():
    class Forgets(Similarity):
        def __init__(self, *, sigma: float = 1.0) -> None:
            super().__init__()

    class Changes(Similarity):
        def __init__(self, *, sigma: float = 1.0) -> None:
            super().__init__()
            self.sigma = sigma + 1

    with pytest.raises(AssertionError, match="under its own name.*sigma"):
        similarity.follows_the_rules(Forgets())
    with pytest.raises(AssertionError, match="from_config does not restore"):
        similarity.follows_the_rules(Changes())


@pytest.mark.parametrize(
    ("check", "call", "message"),
    [
        ("one_finite_float32_per_item", lambda s, u: ops.mean(ops.square(u)), "one value per item"),
        ("items_are_independent", lambda s, u: ops.mean(u * u, axis=axes(u)) + ops.max(u), "depends on its batch"),
        ("least_for_no_motion", lambda s, u: -ops.mean(u * u, axis=axes(u)), "must cost more than none"),
        (
            "gradient_is_finite",
            lambda s, u: ops.sqrt(ops.mean(u * u, axis=axes(u))),
            "not finite for a field of up to 0.0",
        ),
    ],
)
def test_bad_regularizers(check, call, message):
    with pytest.raises(AssertionError, match=message):
        getattr(regularizer, check)(made(Regularizer, call))


class WrongLevels(Encoder):
    stride = 2

    def call(self, inputs, embedding=None, training=None):
        return {"P0": inputs, "P1": inputs}


class OddStride(WrongLevels):
    stride = 3


def test_bad_encoders():
    with pytest.raises(AssertionError, match="P1 has shape"):
        encoder.gives_a_pyramid(WrongLevels())
    with pytest.raises(AssertionError, match="must be a power of two. Received: 3"):
        encoder.stride_is_a_power_of_two(OddStride())


def field_of(inputs, scale=1.0):
    return ops.repeat(inputs["moving"] * scale, len(inputs["moving"].shape) - 2, axis=-1)


def test_bad_networks():
    def with_call(call):
        return made(Network, lambda s, inputs, training=None: call(inputs), stride=1)

    with pytest.raises(AssertionError, match="a dict with `displacement`. Received: \\['field'\\]"):
        network.gives_fields_on_the_grid_of_the_images(with_call(lambda i: {"field": field_of(i)}))
    with pytest.raises(AssertionError, match="`displacement` must have shape"):
        network.gives_fields_on_the_grid_of_the_images(with_call(lambda i: {"displacement": i["moving"]}))
    posterior = made(Network, lambda s, i, training=None: {"displacement": field_of(i)}, stride=1)
    posterior.gives = ("displacement", "posterior")
    with pytest.raises(AssertionError, match="says that it `gives` posterior, and does not"):
        network.gives_fields_on_the_grid_of_the_images(posterior)
    with pytest.raises(AssertionError, match="depends on its batch"):
        network.items_are_independent(with_call(lambda i: {"displacement": field_of(i) - ops.mean(i["moving"])}))
    with pytest.raises(AssertionError, match="there and back ends"):
        network.inverse_undoes_the_displacement(
            with_call(lambda i: dict.fromkeys(("velocity", "displacement", "inverse"), field_of(i, 3.0)))
        )

    def encode(self, inputs, training=None):
        return {"moving": {"P0": inputs["fixed"]}}

    features = made(
        Network,
        lambda s, i, training=None: {"displacement": field_of(i), "features": {"moving": {"P0": i["moving"]}}},
        stride=1,
        encode=encode,
    )
    with pytest.raises(AssertionError, match="`encode` gives another `P0` of moving"):
        network.encode_gives_the_features(features)


def test_bad_networks_that_draw():
    def drawing(shift):
        def call(self, inputs, training=None):
            noise = ops.convert_to_tensor(inputs["noise"])[:, :1] if "noise" in inputs else 0.0
            return {"displacement": field_of(inputs) + shift * ops.reshape(noise, (-1, 1, 1, 1, 1))}

        return made(Network, call, stride=1, needs=("noise",))

    with pytest.raises(AssertionError, match="the field is the one without it"):
        network.draws_where_it_is_given_noise(drawing(0.0))
    with pytest.raises(AssertionError, match="`noise_scale` 0 does not give the mean"):
        network.draws_where_it_is_given_noise(drawing(1.0))


@pytest.mark.parametrize(
    ("check", "call", "message"),
    [
        ("begins_as_the_identity", lambda u: u[:, :-1], "expected the shape of the field"),
        ("begins_as_the_identity", lambda u: u * 0.99, "must return the field as it is"),
        ("takes_any_size_and_count", lambda u: u / 0.0, "is not finite"),
        ("items_are_independent", lambda u: u - ops.mean(u), "depends on its batch"),
        ("gradient_reaches_the_field", lambda u: ops.stop_gradient(u), "the gradient is zero"),
        ("float32_under_mixed_precision", lambda u: ops.cast(ops.cast(u, "bfloat16"), "float32"), "half precision"),
    ],
)
def test_bad_stitchers(check, call, message):
    mine = made(Stitcher, lambda s, field, count, training=None: call(field))
    with pytest.raises(AssertionError, match=message):
        getattr(stitcher, check)(mine)


def test_a_stitcher_must_take_whole_blocks():
    mine = made(Stitcher, lambda s, field, count, training=None: field, multiple=lambda self, count: 3)
    with pytest.raises(AssertionError, match=r"`multiple\(2\)` must be a multiple of 2. Received: 3"):
        stitcher.begins_as_the_identity(mine)


def augmenting(function):
    return type("Mine", (Augmentation,), {"__call__": lambda self, volumes, rng: function(volumes, rng)})()


def each(change):
    return augmenting(lambda volumes, rng: {name: change(name, values, rng) for name, values in volumes.items()})


@pytest.mark.parametrize(
    ("check", "bad", "message"),
    [
        ("keeps_names_shapes_and_types", each(lambda n, v, r: v[1:]), "must keep its shape"),
        ("keeps_names_shapes_and_types", each(lambda n, v, r: v.astype(float)), "must stay float32"),
        ("keeps_names_shapes_and_types", augmenting(lambda v, r: {"image": v["image"]}), "expected \\['image'"),
        ("labels_stay_labels", each(lambda n, v, r: (v + np.roll(v, 1, 0)).astype(v.dtype)), "nearest neighbour"),
        ("all_randomness_comes_from_rng", each(lambda n, v, r: v + np.random.rand(*v.shape)), "for equal generators"),
        ("works_without_labels", augmenting(lambda v, r: {**v, "labels": v["image"]}), "expected `image` alone"),
    ],
)
def test_bad_augmentations(check, bad, message):
    with pytest.raises(AssertionError, match=message):
        getattr(augmentation, check)(bad)


def scan(name, folder, subject=""):
    return Subject(id=name, image=folder / f"{name}.nii.gz", subject=subject)


def test_bad_datasets(tmp_path):
    a, b, c, d = (scan(name, tmp_path, subject) for name, subject in zip("abcd", "pqpr", strict=True))
    for one in (a, b):
        one.image.touch()

    def of(*args, **splits):
        return type("Mine", (Dataset,), {"split": lambda self, seed: Split(**splits)})()

    with pytest.raises(AssertionError, match="the split is empty"):
        dataset.gives_pairs(of())
    with pytest.raises(AssertionError, match="train has a pair twice"):
        dataset.gives_pairs(of(train=[Pair(a, b), Pair(a, b)]))
    with pytest.raises(AssertionError, match="pairs a scan with itself"):
        dataset.gives_pairs(of(test=[Pair(a, a)]))
    with pytest.raises(AssertionError, match="c: .* does not exist"):
        dataset.files_exist(of(train=[Pair(a, c)]))
    with pytest.raises(AssertionError, match="in train and in test: p"):
        dataset.nobody_is_in_two_splits(of(train=[Pair(a, b)], test=[Pair(c, d)]))
    drawn = iter([[Pair(a, b)], [Pair(b, a)]])
    fickle = type("Mine", (Dataset,), {"split": lambda self, seed: Split(train=next(drawn))})()
    with pytest.raises(AssertionError, match=r"two calls of split\(0\) differ"):
        dataset.split_depends_on_the_seed_alone(fickle)


def measuring(function):
    return type("Mine", (Metric,), {"__call__": lambda self, case: function(case)})()


def spoils(case: Case):
    case.moved[...] = 0
    return {"": 1.0}


@pytest.mark.parametrize(
    ("check", "function", "message"),
    [
        ("gives_numbers_by_name", lambda case: 1.0, "a metric returns a dict. Received: float"),
        ("gives_numbers_by_name", lambda case: {"": case.moved}, "must be one number"),
        ("gives_numbers_by_name", lambda case: {1: 1.0}, "keys are structures"),
        ("copes_with_what_is_missing", lambda case: None, "empty where it has no value"),
        ("leaves_the_case_alone", spoils, "the metric changed `moved`"),
    ],
)
def test_bad_metrics(check, function, message):
    with pytest.raises(AssertionError, match=message):
        getattr(metric, check)(measuring(function))


@pytest.mark.parametrize(
    ("check", "call", "message"),
    [
        ("gives_terms_and_their_total", lambda b: {"size": ops.zeros(2)}, "goes under `total`"),
        ("gives_terms_and_their_total", lambda b: {"total": ops.zeros(())}, "one value per item"),
        ("total_is_not_constant", lambda b: {"total": difference(b["fixed"], b["moving"])}, "does not depend on"),
    ],
)
def test_bad_strategies(check, call, message):
    mine = made(Strategy, lambda s, batch, network, objective, training=None: call(batch))
    with pytest.raises(AssertionError, match=message):
        getattr(strategy, check)(mine)
