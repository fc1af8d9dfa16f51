"""What an objective section may say."""

import pytest
from pydantic import ValidationError

from tfregkit.config.settings import Spec
from tfregkit.objective.settings import ObjectiveSettings, TermSettings

MSE, DIFFUSION = Spec("similarity", "mse"), Spec("regularizer", "diffusion", {"on": "velocity"})


def test_lambda_is_read_and_written_under_its_own_name():
    settings = ObjectiveSettings(terms={"a": {"similarity": MSE}}, **{"lambda": "uniform"})
    assert settings.lam == "uniform"
    assert settings.plain()["lambda"] == "uniform"


@pytest.mark.parametrize("both", [{}, {"similarity": MSE, "regularizer": DIFFUSION}])
def test_a_term_is_one_thing(both):
    with pytest.raises(ValidationError, match="either a `similarity` or a `regularizer`"):
        TermSettings(**both)


@pytest.mark.parametrize("name", ["total", "loss"])
def test_names_of_the_sum_are_taken(name):
    with pytest.raises(ValidationError, match=f"`{name}` is the name of the sum"):
        ObjectiveSettings(terms={name: {"similarity": MSE}})


def test_lambda_out_of_range():
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        ObjectiveSettings(terms={"a": {"similarity": MSE}}, **{"lambda": 1.5})
