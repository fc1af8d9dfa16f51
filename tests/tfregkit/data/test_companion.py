"""Label maps and masks lie on their image's grid."""

import nibabel as nib
import numpy as np
import pytest

from tfregkit.data.base import Subject
from tfregkit.data.companion import check_companions, on_grid_of
from tfregkit.data.volume import read_volume
from tfregkit.errors import DataError


def volume(folder, name, spacing):
    path = folder / name
    nib.save(nib.Nifti1Image(np.arange(7 * 5 * 3, dtype="float32").reshape(7, 5, 3), np.diag([*spacing, 1.0])), path)
    return read_volume(path)


def test_headers_of_all_label_maps_and_masks_are_looked_at(tmp_path):
    volume(tmp_path, "image.nii", (1, 2, 3))
    volume(tmp_path, "own.nii", (1, 2, 3))
    volume(tmp_path, "other.nii", (1, 2, 3.2))
    image, own, other = (tmp_path / f"{name}.nii" for name in ("image", "own", "other"))
    check_companions([Subject(id="a", image=image, labels=own, mask=own), Subject(id="b", image=image)])
    wrong = [Subject(id="c", image=image, labels=own, mask=other), Subject(id="d", image=image, labels=other)]
    with pytest.raises(DataError) as error:
        check_companions(wrong)
    assert str(error.value).count("other.nii: lies on another grid") == 2


@pytest.mark.parametrize("by_path", [True, False])
def test_its_own_grid_or_an_error_that_names_both(tmp_path, by_path):
    image = volume(tmp_path, "image.nii", (1, 2, 3))
    own, other = volume(tmp_path, "own.nii", (1, 2, 3)), volume(tmp_path, "other.nii", (1, 2, 3.2))
    given = image.path if by_path else image
    assert on_grid_of(given, own) is own
    with pytest.raises(
        DataError, match=r"other\.nii: lies on another grid than its image .*image\.nii.*resample_from_to"
    ):
        on_grid_of(given, other)
