import tracemalloc

import numpy as np
import pytest

from tfregkit.config.settings import Spec
from tfregkit.data.labelled_set import LabelledSet, class_numbers
from tfregkit.errors import DataError


def make(name="one", **values):
    return LabelledSet(name=name, dataset=Spec("dataset", "demo"), **values)


def test_a_name_is_one_class_over_all_sets_whatever_its_value():
    sets = [
        make("liver", labels={"liver": 1, "tumour": 2}),
        make("bare"),
        make("kidney", labels={"kidney": 1, "background": 9, "tumour": [2, 3]}),
        make("spleen", labels={"spleen": 1}),
    ]
    numbers = class_numbers(sets)
    assert numbers == {"liver": 1, "tumour": 2, "kidney": 3, "spleen": 4}
    labels = np.array([[[0, 1, 2, 3, 9]]], np.int32)
    np.testing.assert_array_equal(sets[2].source(numbers).class_numbers(labels, "map"), [[[0, 3, 2, 2, 0]]])
    np.testing.assert_array_equal(sets[3].source(numbers).class_numbers(labels[..., :2], "map"), [[[0, 4]]])
    assert sets[1].source(numbers).classes == ()


def test_undeclared_values_are_refused_by_the_maps_name():
    source = make("kidney", labels={"kidney": 1, "tumour": [2, 3]}).source({"kidney": 1, "tumour": 2})
    labels = np.array([0, 1, 7, 3, -2, 7])
    told = r"seven.nii: has labels outside the declared names of set `kidney`: -2, 7. Declared: kidney 1, tumour 2\+3"
    with pytest.raises(DataError, match=told):
        source.class_numbers(labels, "seven.nii")


def test_values_that_stand_in_a_row_are_told_as_one_range():
    source = make("ct", labels={"liver": 5}).source({"liver": 1})
    with pytest.raises(DataError, match="of set `ct`: 1, 2, 4, 6 to 104. Declared: liver 5. .*`background: rest`: all"):
        source.class_numbers(np.delete(np.arange(105), 3), "ct.nii")


def test_the_rest_is_background():
    source = make("ct", labels={"liver": 5, "background": "rest"}).source({"liver": 1})
    np.testing.assert_array_equal(source.class_numbers(np.array([7, 5, 0, 104]), "ct.nii"), [0, 1, 0, 0])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"liver": 1, "tumour": "rest"}, "`rest` is for `background` alone, and cannot be `tumour`"),
        ({"liver": 1, "tumour": [2, 1]}, "the value 1 is `liver`, and cannot be `tumour` too"),
        ({"liver": 0}, "the value 0 is `background`, and cannot be `liver` too"),
        ({"background": 3}, "names no structure"),
        ({}, "names no structure"),
        ({"liver": []}, "at least 1 item"),
        ({"liver": -1}, "greater than or equal to 0"),
    ],
)
def test_labels_that_contradict_themselves(labels, message):
    with pytest.raises(ValueError, match=message):
        make(labels=labels)


@pytest.mark.parametrize("name", ["", "a b", "a/b"])
def test_names_are_fit_for_files(name):
    with pytest.raises(ValueError, match="name"):
        make(name)


def test_maps_of_several_slabs_with_values_far_apart():
    source = make("kidney", labels={"kidney": 1_000_000, "tumour": [2, 30_000]}).source({"kidney": 1, "tumour": 2})
    labels = np.array([0, 1_000_000, 30_000, 2], np.int32)[np.random.default_rng(0).integers(4, size=(7, 5, 3))]
    found = source.class_numbers(labels, "k.nii")
    expected = np.select([labels == 1_000_000, np.isin(labels, (2, 30_000))], [1, 2])
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32


def test_whole_scans_are_renumbered_in_little_more_memory_than_the_map():
    source = make("kidney", labels={"kidney": 1}).source({"kidney": 1})
    labels = (np.arange(1_000_000) % 2).reshape(100, 100, 100).astype(np.int32)
    tracemalloc.start()
    source.class_numbers(labels, "k.nii")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * labels.size  # the new map has 4 bytes a voxel
