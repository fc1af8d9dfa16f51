"""`hd`, `hd95` and `assd`: cubes and balls in closed form, brute force, DeepMind's library, and what is missing."""

import gc
import json
import math
import warnings

import numpy as np
import pytest
from references import surfaces as reference
from references.cases import case, smooth

from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit_plugins.metrics import surface as module
from tfregkit_plugins.metrics.assd import ASSD
from tfregkit_plugins.metrics.hd import HD
from tfregkit_plugins.metrics.hd95 import HD95

METRICS = {"hd": HD, "hd95": HD95, "assd": ASSD}
SHAPE = (23, 19, 17)
TURNED = np.array([[0.0, -1.1, 0.3, 4.0], [1.7, 0.2, 0.1, -9.0], [0.1, 0.4, 2.3, 2.0], [0.0, 0.0, 0.0, 1.0]])
"""Oblique, anisotropic, with axes at no right angles."""


def pair(fixed, moved, affine=None, **changes):
    """Two masks or label maps as a registered pair."""
    labels = {"fixed_labels": np.asarray(fixed, np.int32), "moved_labels": np.asarray(moved, np.int32)}
    return case(affine=np.eye(4) if affine is None else affine, **labels, **changes)


def cube(start=(4, 5, 6), size=(8, 8, 8)):
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))] = True
    return mask


def blobs(seed):
    return smooth(np.random.default_rng(seed), (11, 13, 9), 1.5) > 0.2


def values(of, convention="voxel"):
    return {name: metric(convention=convention)(of)["1"] for name, metric in METRICS.items()}


@pytest.mark.parametrize("convention", ["voxel", "surfel"])
@pytest.mark.parametrize(("axis", "steps"), [(0, 3), (1, 2), (2, 1)])
def test_a_shifted_cube_is_as_far_as_it_was_shifted(convention, axis, steps):
    fixed, spacing = cube(), (0.7, 1.9, 3.1)
    found = values(pair(fixed, np.roll(fixed, steps, axis), np.diag([*spacing, 1])), convention)
    shift = steps * spacing[axis]
    assert found["hd"] == pytest.approx(shift)
    assert found["hd95"] <= shift * (1 + 1e-12)
    assert 0 < found["assd"] < shift


def test_concentric_balls_are_apart_by_the_difference_of_their_radii():
    r = np.linalg.norm(np.stack(np.meshgrid(*map(np.arange, (23, 23, 23)), indexing="ij"), -1) - 11, axis=-1)
    found = values(pair(r <= 9, r <= 6))
    assert found["hd"] == pytest.approx(3, abs=0.6)
    assert found["assd"] == pytest.approx(3, abs=0.3)


def test_the_conventions_of_the_average_differ():
    """An 8 voxel cube shifted by 3: 83/74 by counting voxels, 1.0826 by weighting areas."""
    shifted = pair(cube(), np.roll(cube(), 3, 0))
    assert values(shifted)["assd"] == pytest.approx(1.1216, abs=5e-5)
    assert values(shifted, "surfel")["assd"] == pytest.approx(1.0826, abs=5e-5)
    assert values(shifted)["hd95"] == values(shifted, "surfel")["hd95"] == 3.0


@pytest.mark.parametrize("convention", ["voxel", "surfel"])
def test_a_structure_on_itself_has_no_distance(convention):
    same = blobs(1)
    assert set(values(pair(same, same, TURNED), convention).values()) == {0.0}


@pytest.mark.parametrize("affine", [np.diag([2.0, 1.5, 0.5, 1.0]), TURNED], ids=["anisotropic", "oblique and sheared"])
def test_brute_force(affine):
    first, second = blobs(1), blobs(2)
    there, back = reference.directed(first, second, affine[:3, :3])
    expected = {name: getattr(reference, name)(there, back) for name in METRICS}
    assert values(pair(first, second, affine)) == pytest.approx(expected)
    assert len({round(value, 6) for value in expected.values()}) == 3


def test_surface_elements_are_those_of_the_published_library():
    library = pytest.importorskip("surface_distance")
    first, second, spacing = blobs(1), blobs(2), (2.0, 1.5, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses names that SciPy is about to drop
        theirs = library.compute_surface_distances(first, second, spacing)
    found = values(pair(first, second, np.diag([*spacing, 1])), "surfel")
    distances = np.concatenate([theirs["distances_gt_to_pred"], theirs["distances_pred_to_gt"]])
    areas = np.concatenate([theirs["surfel_areas_gt"], theirs["surfel_areas_pred"]])
    assert found["assd"] == pytest.approx((distances * areas).sum() / areas.sum())
    assert found["hd95"] == pytest.approx(library.compute_robust_hausdorff(theirs, 95))
    assert found["hd"] == pytest.approx(distances.max())


@pytest.mark.parametrize("start", [(4, 5, 6), (0, 0, 0), (16, 14, 12)], ids=["inside", "low border", "high border"])
def test_areas_of_a_block_are_those_of_its_bevelled_surface(start):
    size, spacing = (7, 5, 4), (2.0, 1.5, 0.5)
    block = cube(start, size)
    (found,) = module.surface_distances(pair(block, block, np.diag([*spacing, 1])), None, "surfel").values()
    assert found.fixed_areas.sum() == pytest.approx(reference.block_area(size, spacing))


def test_beyond_the_image_is_outside():
    whole = np.ones((5, 7, 3), bool)
    hollow = whole.copy()
    hollow[2, 3, 1] = False
    assert values(pair(whole, hollow))["hd"] == 1.0  # the six voxels around the hole, each beside the border


@pytest.mark.parametrize("convention", ["voxel", "surfel"])
def test_either_map_may_be_the_fixed_one(convention):
    first, second = blobs(1), blobs(2)
    there, back = (values(pair(*maps, TURNED), convention) for maps in ((first, second), (second, first)))
    assert there == pytest.approx(back)


def test_the_larger_direction_counts():
    """A voxel far from the cube is far from it; the cube's voxels are not all that far from the voxel and the cube."""
    fixed, moved = cube(), cube()
    moved[22, 9, 9] = True  # 11 from the cube's last layer, 4 + 8 - 1
    found = values(pair(fixed, moved))
    assert found["hd"] == 11.0
    assert found["hd95"] == 0.0
    assert found["assd"] == pytest.approx(11 / (2 * (8**3 - 6**3) + 1))


def test_missing_structures_have_no_value_and_do_not_count_in_the_mean():
    fixed, moved = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.int32)
    fixed[cube()], moved[np.roll(cube(), 2, 0)], fixed[0], moved[22] = 1, 1, 2, 3
    labels = {"both": [1], "fixed only": 2, "moved only": 3, "nowhere": 9}
    for metric in METRICS.values():
        found = metric(labels=labels)(pair(fixed, moved))
        assert list(found) == ["", *labels]
        assert found[""] == found["both"] > 0
        assert all(math.isnan(found[name]) for name in ("fixed only", "moved only", "nowhere"))
        assert math.isnan(metric(labels={"nowhere": 9})(pair(fixed, moved))[""])


def test_pair_without_labels_has_no_value():
    assert HD()(case(fixed_labels=None)) == {}
    assert ASSD()(case(moved_labels=None)) == {}


def test_structures_merge_labels_and_may_overlap(tmp_path):
    labels = case()
    path = tmp_path / "structures.json"
    path.write_text(json.dumps({"left": [1, 2], "all": [1, 2, 3, 4]}))
    for name, metric in METRICS.items():
        found = metric(structures=path)(labels)
        for structure, members in (("left", [1, 2]), ("all", [1, 2, 3, 4])):
            masks = (np.isin(side, members) for side in (labels.fixed_labels, labels.moved_labels))
            there, back = reference.directed(*masks, labels.affine[:3, :3])
            assert found[structure] == pytest.approx(getattr(reference, name)(there, back))


def test_the_structures_of_the_command_line_reach_every_metric_that_merges_labels(tmp_path):
    path = tmp_path / "structures.json"
    path.write_text('{"core": 1}')
    settings = EvaluationSettings(metrics=["dice", "hd", {"name": "assd", "convention": "surfel"}, "folds"])
    built = [spec.build() for spec in settings.with_structures(path).metrics]
    assert [getattr(metric, "structures", None) for metric in built] == [path, path, path, None]
    assert built[2].convention == "surfel"


def test_distances_of_a_pair_are_worked_out_once_for_all_metrics_and_forgotten_with_it(monkeypatch):
    worked, original = [], module._between
    monkeypatch.setattr(module, "_between", lambda *surfaces: worked.append(1) or original(*surfaces))
    labels, before = case(), len(module._known)
    for _ in range(2):
        for metric in METRICS.values():
            metric()(labels)
    assert len(worked) == 4  # one for each label
    HD(labels={"core": [1, 2]})(labels)
    HD(convention="surfel")(labels)
    assert len(worked) == 4 + 1 + 4
    HD()(labels.before())
    assert len(worked) == 4 + 1 + 4 + 4
    del labels
    gc.collect()
    assert len(module._known) == before


@pytest.mark.parametrize("name", METRICS)
def test_structures_and_labels_at_once_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match=f"metric `{name}` takes `structures` .* or `labels` .* not both"):
        METRICS[name](structures=tmp_path / "none.json", labels={"a": [1]})
