import re

import numpy as np
import pytest

from tfregkit.data.whole_numbers import whole_numbers
from tfregkit.errors import DataError


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64, np.int64, np.float64])
def test_values_stay(dtype):
    values = np.arange(3 * 5 * 7).reshape(3, 5, 7)
    found = whole_numbers(values.astype(dtype), "l.nii")
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, values)


def test_nearly_whole_numbers_are_rounded():
    np.testing.assert_array_equal(whole_numbers(np.array([[1.9996], [-2.0004]]), "l.nii"), [[2], [-2]])


@pytest.mark.parametrize("value", [2**40, -(2**40), 2**31])
def test_values_beyond_int32_are_refused(value):
    values = np.zeros((3, 5), np.int64)
    values[2, 4] = value
    with pytest.raises(
        DataError, match=f"l.nii: a label map needs whole numbers .int32., but has the value {re.escape(f'{value:g}')}"
    ):
        whole_numbers(values, "l.nii")
