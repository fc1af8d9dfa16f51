"""Lists of lambdas, and how one stands in a file's name."""

from pathlib import Path

import pytest

from tfregkit.lambdas import NAMED, checked, parse_lambdas, spelled, with_lambda

PAPER = [0, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]


def test_the_papers_17_values():
    assert list(NAMED["paper17"]) == PAPER  # exactly: they are compared with what users type
    assert len(set(NAMED["paper17"])) == 17


def test_numbers_and_names():
    assert parse_lambdas("0.1") == (0.1,)
    assert parse_lambdas(" 0.05, 1 ,0") == (0.05, 1.0, 0.0)
    assert parse_lambdas("paper17") == NAMED["paper17"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paper18", r"Received: 'paper18'. Did you mean `paper17`\?"),
        ("", r"expected numbers in \[0, 1\].*Named lists: paper17"),
        ("0.1,,0.2", "Received: ''"),
        ("0.1;0.2", "Received: '0.1;0.2'"),
        ("0.1,1.5", r"must lie in \[0, 1\]. Received: 1.5"),
        ("-0.1", "Received: -0.1"),
        ("nan", "Received: nan"),
        ("0.1,0.2,0.10", "the lambda 0.1 is given twice"),
    ],
)
def test_what_is_no_list_of_lambdas(text, message):
    with pytest.raises(ValueError, match=message):
        parse_lambdas(text)


def test_an_empty_list_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        checked([])


def test_names_of_files():
    assert with_lambda(Path("o/moved.nii.gz"), 0.05) == Path("o/moved_lambda0.05.nii.gz")
    assert with_lambda(Path("a.b.nii"), 1.0) == Path("a.b_lambda1.nii")
    assert with_lambda(Path("moved.nii.gz"), None) == Path("moved.nii.gz")
    assert spelled(0.1234567) == "0.1234567"  # two values never share a name
    assert len({with_lambda(Path("x.nii"), value) for value in NAMED["paper17"]}) == 17
