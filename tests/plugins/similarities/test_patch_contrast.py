"""PC-SwinMorph's contrast between the patches of a pair."""

import keras
import numpy as np
import pytest
from features import ROLES, check_gradients, features, maps, plain, value, weights
from keras import ops
from references import contrast

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.ops.info_nce import info_nce

BEST, WORST = np.log(1 + 7 * np.exp(-2)), np.log(1 + 7 * np.exp(2))


def similarity(**options):
    keras.utils.set_random_seed(1)
    return tfregkit.build("similarity", "patch_contrast", **{"width": 5, **options})


def embedded(term, found, role, level, patches):
    means = contrast.block_means(found[role][level], patches)
    return [contrast.head(rows, weights(term, role, level)) for rows in means]


@pytest.mark.parametrize(("level", "patches"), [("P0", 2), ("P0", 3), (None, 2)])
def test_agrees_with_the_definition_within_each_pair(level, patches):
    """The sizes are no multiples of the patches."""
    term, found = similarity(level=level, patches=patches, temperature=0.7), maps(items=2)
    values, _ = value(term, features=found)
    x, y = (embedded(term, found, role, level or "P1", patches) for role in ("moving", "fixed"))
    expected = [(contrast.info_nce(a, b, 0.7) + contrast.info_nce(b, a, 0.7)) / 2 for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(values, expected, rtol=1e-4)


def test_is_the_contrast_of_the_blocks_that_a_patch_network_puts_together():
    """Maps of blocks, put side by side as a network does, are looked at block by block."""
    from tfregkit.ops.blocks import merge_blocks

    blocks = {
        role: np.random.default_rng(i).normal(size=(16, 3, 2, 5, 4)).astype("float32") for i, role in enumerate(ROLES)
    }
    found = {role: {"P1": merge_blocks(x, 2)} for role, x in blocks.items()}
    term = similarity()
    values, _ = value(term, features=found)
    rows = {role: blocks[role].mean((1, 2, 3)).reshape(2, 8, 4) for role in ROLES}
    for item in range(2):
        x, y = (contrast.head(rows[role][item], weights(term, role, "P1")) for role in ("moving", "fixed"))
        expected = (contrast.info_nce(x, y, 1.0) + contrast.info_nce(y, x, 1.0)) / 2
        assert values[item] == pytest.approx(expected, rel=1e-5)


def known(x, y, **options):
    """Values and spread of vectors given as `(B, 8, d)`."""
    found = features(y, x)
    return value(plain(similarity(width=np.shape(x)[-1], **options), features=found), features=found)


def test_bounds_for_eight_patches_at_temperature_one():
    """Uniform log 8 = 2.0794, orthogonal 1.274, and for a single patch .6665 at best and 3.965 at worst."""
    uniform, seen = known(np.ones((1, 8, 9)), np.ones((1, 8, 9)))
    np.testing.assert_allclose(uniform, np.log(8), rtol=1e-5)
    np.testing.assert_allclose(seen["spread"], 0, atol=1e-3)
    orthogonal, seen = known(np.eye(8)[None], np.eye(8)[None])
    np.testing.assert_allclose(orthogonal, np.log(1 + 7 / np.e), rtol=1e-5)
    np.testing.assert_allclose(seen["spread"], 1, rtol=1e-5)
    one, keys = np.ones((1, 1, 1), "float32"), -np.ones((1, 8, 1), "float32")
    keys[0, 0] = 1
    for sign, bound in ((1, BEST), (-1, WORST)):
        np.testing.assert_allclose(ops.convert_to_numpy(info_nce(one, sign * keys, 1.0)), bound, rtol=1e-5)
    assert [round(x, 4) for x in (BEST, np.log(1 + 7 / np.e), np.log(8))] == [0.6665, 1.274, 2.0794]
    assert round(WORST, 3) == 3.965
    values, _ = known(*np.random.default_rng(1).normal(size=(2, 200, 8, 2)))
    assert np.all((values > BEST) & (values < WORST))


def test_slip_of_equation_6_the_minus_would_reward_a_mismatch():
    """Each l is a -log already: patches that find their partners have the lower loss, not the higher one."""
    rows = np.eye(8)[None]
    matched, _ = known(rows, rows)
    mismatched, _ = known(rows, np.roll(rows, 1, axis=1))
    assert np.all(matched < mismatched - 0.5)


def test_slip_of_equation_4_the_sum_runs_over_all_patches_and_not_those_of_one_axis():
    """n = 2: two terms in the denominator would give log 2 for equal vectors, and see no change of patch 5."""
    equal, _ = known(np.ones((1, 8, 3)), np.ones((1, 8, 3)))
    np.testing.assert_allclose(np.exp(equal), 8, rtol=1e-4)
    x, y = np.random.default_rng(1).normal(size=(2, 1, 8, 3))
    changed = y.copy()
    changed[0, 5] *= -1
    assert not np.allclose(known(x, y)[0], known(x, changed)[0], rtol=1e-3)


def test_both_directions_count():
    x, y = np.random.default_rng(2).normal(size=(2, 1, 8, 3))
    a, b = (r / np.linalg.norm(r, axis=-1, keepdims=True) for r in (x[0], y[0]))
    one, other = contrast.info_nce(a, b, 1.0), contrast.info_nce(b, a, 1.0)
    assert abs(one - other) > 1e-3
    np.testing.assert_allclose(known(x, y)[0], (one + other) / 2, rtol=1e-5)


def test_pairs_do_not_see_each_other():
    term, found = similarity(), maps(items=3)
    together, _ = value(term, features=found)
    alone = {role: {level: x[1:2] for level, x in found[role].items()} for role in ROLES}
    np.testing.assert_allclose(value(term, features=alone)[0], together[1:2], rtol=1e-5)
    term.check_batch(1, 1)


def test_gradient_of_both_images_features_agrees_with_differences():
    term, found = similarity(), maps(items=2)
    value(term, features=found)
    check_gradients(term, [found[role]["P1"] for role in ROLES])


def test_too_few_voxels_for_the_patches_are_told_with_the_level():
    with pytest.raises(ConfigError, match="`P1` has 2x3x5 voxels and cannot be cut into 3 blocks .* finer `level`"):
        value(similarity(patches=3), features=maps())
    with pytest.raises(ConfigError, match="`patch_contrast` looks at the network's features"):
        value(similarity())
