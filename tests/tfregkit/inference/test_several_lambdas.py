"""One pair at several lambdas: the same results as one by one, and the shared work is done once."""

import json

import nibabel as nib
import numpy as np
import pytest
from conditioned import small_network
from keras import ops
from phantoms import fixed_image, moving_image
from world_grids import GRIDS

import tfregkit
from tfregkit.data.volume import nifti_image
from tfregkit.errors import ConfigError, RunError
from tfregkit.inference import forward, prepared
from tfregkit.inference.forward import Forward
from tfregkit.inference.registration import Registration
from tfregkit.models.base import Network
from tfregkit.objective.objective import Objective

LAMBDAS = [0.0, 0.3, 1.0, 0.175, 0.6]
SHAPE = (8, 12, 4)


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(11)
    return {name: rng.uniform(size=(1, *SHAPE, 1)).astype(np.float32) for name in ("moving", "fixed")}


@pytest.fixture
def images():
    volumes = moving_image(GRIDS["las"], np.eye(4)), fixed_image(GRIDS["ras"])
    return [nifti_image(volume.data, volume.grid) for volume in volumes]


class Repeating(Network):
    """Joins lambda to the images as a channel: it cannot do with one image for several lambdas."""

    stride = 2
    conditioned = True

    def __init__(self):
        super().__init__()
        self.batches = []

    def call(self, inputs, training=None):
        moving, fixed, lam = inputs["moving"], inputs["fixed"], inputs["lam"]
        plane = ops.reshape(lam, (-1, 1, 1, 1, 1)) * ops.ones((lam.shape[0], *moving.shape[1:]))
        self.batches.append((moving.shape[0], lam.shape[0]))
        joined = ops.concatenate([moving, fixed, plane], axis=-1)
        return {"displacement": joined * ops.convert_to_tensor(np.array([1.0, -0.5, 2.0], np.float32))}


def fields(found):
    return [outputs for outputs, _ in found]


@pytest.mark.parametrize(
    ("conditioning", "voxels"), [("film", 2 * 384), ("film", 10**6), ("cin", 10**6)], ids=["twos", "all", "cin"]
)
def test_chunks_give_what_single_lambdas_give(conditioning, batch, voxels, monkeypatch):
    assert np.prod(SHAPE) == 384
    monkeypatch.setattr(forward, "compiled", lambda function: function)
    network = small_network(conditioning)
    alone = [fields(Forward(network)(batch, [lam]))[0] for lam in LAMBDAS]
    monkeypatch.setattr(forward, "CHUNK_VOXELS", voxels)
    together = fields(Forward(network)(batch, LAMBDAS))
    assert len(together) == len(LAMBDAS)
    for one, other in zip(alone, together, strict=True):
        assert set(other) == {"displacement", "inverse", "velocity"}
        for name in other:
            assert other[name].shape[0] == 1
            np.testing.assert_allclose(other[name], one[name], atol=2e-5)
    sizes = [np.abs(one["displacement"]).max() for one in alone]
    assert min(sizes) > 0.05  # the fields are some, and not the same
    assert np.abs(alone[0]["displacement"] - alone[2]["displacement"]).max() > 0.05


def test_the_images_go_in_once_and_the_chunks_are_even(network, batch, monkeypatch):
    calls = []
    monkeypatch.setattr(forward, "compiled", lambda function: lambda inputs: calls.append(inputs) or function(inputs))
    monkeypatch.setattr(forward, "CHUNK_VOXELS", 2 * 384)
    list(Forward(network)(batch, LAMBDAS))
    assert [tuple(call[name].shape[0] for name in ("moving", "fixed", "lam")) for call in calls] == [
        (1, 1, 2),
        (1, 1, 2),
        (1, 1, 1),
    ]


def test_a_network_that_needs_an_image_for_each_lambda_gets_them(batch, monkeypatch):
    monkeypatch.setattr(forward, "compiled", lambda function: function)
    network = Repeating()
    network({**batch, "lam": np.ones((1, 1), np.float32)})
    found = fields(Forward(network)(batch, LAMBDAS))
    assert network.batches[-1] == (5, 5)
    expected = [
        np.concatenate([batch["moving"], batch["fixed"], np.full_like(batch["fixed"], lam)], -1) * [1, -0.5, 2]
        for lam in LAMBDAS
    ]
    for outputs, field in zip(found, expected, strict=True):
        np.testing.assert_allclose(outputs["displacement"], field, atol=1e-6)


def test_results_are_in_order_and_equal_to_single_ones(network, images):
    registration = Registration(network, 2.0)
    several = registration.register(*images, lam=LAMBDAS)
    assert [result.about["lambda"] for result in several] == LAMBDAS
    for lam, result in list(zip(LAMBDAS, several, strict=True))[:3]:
        alone = registration.register(*images, lam=lam)
        np.testing.assert_allclose(result.displacement, alone.displacement, atol=1e-4)
        np.testing.assert_allclose(result.moved.dataobj, alone.moved.dataobj, atol=0.05)
        np.testing.assert_allclose(result.inverse_warp.dataobj, alone.inverse_warp.dataobj, atol=1e-4)
        assert result.about["deformation"] == pytest.approx(alone.about["deformation"], abs=1e-3)
    assert isinstance(registration.register(*images, lam=[0.5]), list)
    assert registration.register(*images, lam=np.float32(0.5)).about["lambda"] == pytest.approx(0.5)


def test_what_does_not_depend_on_lambda_is_done_once(network, images, monkeypatch):
    counts = dict.fromkeys(("readable", "normalised", "affine_start", "fit_affine", "on_grid"), 0)
    monkeypatch.setattr(prepared, "fit_affine", lambda pulled, still, similarity, start, **options: start)
    for name in counts:
        original = getattr(prepared, name)

        def counted(*arguments, name=name, original=original, **options):
            counts[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(prepared, name, counted)
    results = Registration(network, 4.0).register(*images, lam=LAMBDAS, affine=True)
    assert counts == {"readable": 2, "normalised": 2, "affine_start": 1, "fit_affine": 1, "on_grid": 2}
    assert all(result.about["affine_optimised"] for result in results)
    assert len({result.seconds["start"] for result in results}) == 1  # each result has an equal share


def test_each_lambda_is_refined_on_its_own(network, images):
    terms = {"mse": tfregkit.build("similarity", "mse"), "smooth": tfregkit.build("regularizer", "diffusion")}
    registration = Registration(network, 6.0, objective=lambda: Objective(terms=terms, lam="uniform"))
    steps = []
    loose, stiff = registration.register(
        *images, lam=[0.0, 0.9], refine=2, progress=lambda name, step, *rest: steps.append((name, step))
    )
    assert steps == [("refine", 1), ("refine", 2)] * 2
    assert loose.about["refine_steps"] == stiff.about["refine_steps"] == 2
    moved = [
        np.abs(result.displacement - plain.displacement).max()
        for result, plain in zip((loose, stiff), registration.register(*images, lam=[0.0, 0.9]), strict=True)
    ]
    assert min(moved) > 1e-3


def test_wrong_lambdas_are_refused_before_anything_is_read(network):
    registration = Registration(network, 2.0)
    for lam, message in (
        ([], "at least one"),
        ([0.1, 1.5], r"\[0, 1\]. Received: 1.5"),
        ([0.2, 0.2], "given twice"),
        (None, r"choose one in \[0, 1\] \(`--lambda 0.1`.*`tfregkit sweep`"),
    ):
        with pytest.raises(ConfigError, match=message):
            registration.register_each("nothing.nii.gz", "nothing.nii.gz", lam)


def test_the_chosen_lambda_is_used_and_the_sidecar_says_so(network, images, tmp_path):
    registration = Registration(network, 3.0, chosen_lambda=lambda: 0.3)
    chosen, given = registration.register(*images), registration.register(*images, lam=0.3)
    assert (chosen.about["lambda"], chosen.about["lambda_from"]) == (0.3, "sweep")
    assert (given.about["lambda"], given.about["lambda_from"]) == (0.3, "given")
    np.testing.assert_array_equal(chosen.displacement, given.displacement)
    chosen.save(warp=tmp_path / "w.nii.gz")
    said = json.loads((tmp_path / "w.json").read_text())
    assert (said["lambda"], said["lambda_from"]) == (0.3, "sweep")
    assert nib.load(tmp_path / "w.nii.gz").shape[-1] == 3


def test_one_lambda_that_gives_no_finite_field_is_told(images, monkeypatch):
    broken = small_network()
    broken.set_weights([np.full(w.shape, np.nan) for w in broken.get_weights()])
    monkeypatch.setattr(forward, "compiled", lambda function: function)
    with pytest.raises(RunError, match="not finite"):
        Registration(broken, 3.0).register(*images, lam=LAMBDAS)
