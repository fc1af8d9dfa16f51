import pydantic
import pytest

from tfregkit.data.settings import DataSettings, GridSettings, NormalisationSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"percentiles": (90, 10)}, "`percentiles` must increase"),
        ({"mode": "window"}, r"needs `window: \[lower, upper\]`"),
        ({"window": (0, 1)}, "`window` is only for mode `window`"),
        ({"mode": "window", "window": (3, -3)}, "`window` must increase"),
        ({"percentiles": (-1, 50)}, "greater than or equal to 0"),
        ({"mode": "histogram"}, "Input should be 'minmax', 'zscore', 'window' or 'none'"),
    ],
)
def test_normalisation_refuses(values, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        NormalisationSettings(**values)


@pytest.mark.parametrize("values", [{"spacing": 0}, {"spacing": (1, 2)}, {"shape": (8, 8)}, {"mode": "stretch"}])
def test_grid_refuses(values):
    with pytest.raises(pydantic.ValidationError, match=next(iter(values))):
        GridSettings(**values)


def test_a_role_has_its_own_normalisation_or_the_common_one():
    window = NormalisationSettings(mode="window", window=(-500, 800))
    settings = DataSettings(dataset="demo", moving_normalisation=window)
    assert settings.normalisation_of("moving") == window
    assert settings.normalisation_of("fixed") == NormalisationSettings()
