"""Affine files against ITK and ANTs themselves."""

import numpy as np
import pytest
from world_grids import affine_matrix

from tfregkit.errors import DataError
from tfregkit.inference.affine_file import read_affine, write_affine

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
POINTS = np.random.default_rng(1).uniform(-90, 90, size=(13, 3))


def _mapped(matrix):
    return POINTS @ matrix[:3, :3].T + matrix[:3, 3]


def _mapped_by_itk(transform):
    return np.array([transform.TransformPoint(tuple(p)) for p in POINTS @ LPS[:3, :3]]) @ LPS[:3, :3]


@pytest.mark.parametrize("kind", ["affine", "translation", "euler", "versor", "similarity"])
def test_itk_transforms_are_read_as_itk_means_them(kind, tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    centre, shift = (11.0, -7.0, 23.0), (3.0, 5.0, -2.0)
    if kind == "affine":
        transform = sitk.AffineTransform(affine_matrix(2)[:3, :3].ravel().tolist(), shift, centre)
    elif kind == "translation":
        transform = sitk.TranslationTransform(3, shift)
    elif kind == "euler":
        transform = sitk.Euler3DTransform(centre, 0.2, -0.3, 0.5, shift)
    elif kind == "versor":
        transform = sitk.VersorRigid3DTransform((0.1, -0.2, 0.3, 0.927), shift, centre)
    else:
        transform = sitk.Similarity3DTransform(1.2, (0.1, -0.2, 0.3, 0.927), shift, centre)
    sitk.WriteTransform(transform, str(tmp_path / "t.tfm"))
    np.testing.assert_allclose(_mapped(read_affine(tmp_path / "t.tfm")), _mapped_by_itk(transform), atol=1e-6)


@pytest.mark.parametrize("suffix", [".tfm", ".mat"])
def test_binary_and_text_files_of_itk_agree(suffix, tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    transform = sitk.AffineTransform(affine_matrix(5)[:3, :3].ravel().tolist(), (1.0, 2.0, 3.0), (4.0, -5.0, 6.0))
    sitk.WriteTransform(transform, str(tmp_path / f"t{suffix}"))
    np.testing.assert_allclose(_mapped(read_affine(tmp_path / f"t{suffix}")), _mapped_by_itk(transform), atol=1e-6)


def test_our_files_are_read_by_itk(tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    write_affine(tmp_path / "t.tfm", affine_matrix(3))
    theirs = sitk.ReadTransform(str(tmp_path / "t.tfm"))
    np.testing.assert_allclose(_mapped(affine_matrix(3)), _mapped_by_itk(theirs), atol=1e-9)
    np.testing.assert_allclose(read_affine(tmp_path / "t.tfm"), affine_matrix(3), atol=1e-12)


@pytest.mark.parity
def test_ants_generic_affine_is_read(tmp_path):
    ants = pytest.importorskip("ants")
    lps = LPS @ affine_matrix(4) @ LPS
    transform = ants.new_ants_transform(
        transform_type="AffineTransform",
        parameters=[*lps[:3, :3].ravel(), *lps[:3, 3]],
        fixed_parameters=[0.0, 0.0, 0.0],
    )
    ants.write_transform(transform, str(tmp_path / "0GenericAffine.mat"))
    np.testing.assert_allclose(read_affine(tmp_path / "0GenericAffine.mat"), affine_matrix(4), atol=1e-5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello\n", "t.tfm:1: is no ITK text transform"),
        ("#Insight Transform File V1.0\nTransform: BSplineTransform_double_3_3\nParameters: 1 2\n", "is not linear"),
        (
            "#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\nParameters: 1 2\n",
            "needs 12 parameters",
        ),
        (
            "#Insight Transform File V1.0\nTransform: TranslationTransform_double_3_3\nParameters: a b c\n",
            "not numbers",
        ),
        (
            "#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\nParameters: " + "0 " * 12 + "\n",
            "singular",
        ),
        (
            "#Insight Transform File V1.0\n" + "Transform: TranslationTransform_double_3_3\nParameters: 1 2 3\n" * 2,
            "holds 2 transforms",
        ),
    ],
)
def test_a_file_that_is_no_affine_is_refused(content, message, tmp_path):
    (tmp_path / "t.tfm").write_text(content)
    with pytest.raises(DataError, match=message):
        read_affine(tmp_path / "t.tfm")


def test_a_damaged_mat_a_missing_file_and_an_image_are_refused(tmp_path):
    (tmp_path / "t.mat").write_bytes(b"\x01\x02nonsense")
    with pytest.raises(DataError, match="t.mat: is no .mat transform"):
        read_affine(tmp_path / "t.mat")
    with pytest.raises(DataError, match="there is no such affine file"):
        read_affine(tmp_path / "none.tfm")
    (tmp_path / "w.nii.gz").write_bytes(b"")
    with pytest.raises(DataError, match="is an image; an affine start is"):
        read_affine(tmp_path / "w.nii.gz")
