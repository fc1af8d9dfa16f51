"""ITK affine files: text `.tfm`/`.txt` and ANTs' binary `.mat`. World RAS mm inside, LPS on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfregkit.data.writing import NIFTI_SUFFIXES
from tfregkit.errors import DataError
from tfregkit.files import write_text

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
TEXT_HEADER = "#Insight Transform File V1.0"


def read_affine(path: str | Path) -> np.ndarray:
    """Read a linear ITK transform.

    ITK's `y = M (x - c) + c + t`, in LPS mm, maps points of the fixed image's space to the moving image's; so does the
    result. Known types: affine (also as ANTs writes it), translation, Euler and versor rigid, similarity, identity.

    Args:
        path: `.tfm` or `.txt` (text), or `.mat` (binary, as ANTs writes).

    Returns:
        `(4, 4)` float64, RAS mm to RAS mm.

    Raises:
        DataError: If the file cannot be read, holds another or more than one transform, or a singular matrix.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such affine file.")
    if path.name.endswith(NIFTI_SUFFIXES):
        raise DataError(f"{path}: is an image; an affine start is an ITK transform file (.tfm, .txt or .mat).")
    kind, parameters, centre = _read_mat(path) if path.suffix == ".mat" else _read_text(path)
    linear, translation = _matrix(kind, parameters, path)
    centre = np.zeros(3) if centre.size != 3 else centre
    lps = np.eye(4)
    lps[:3, :3] = linear
    lps[:3, 3] = translation + centre - linear @ centre
    if not np.isfinite(lps).all() or abs(np.linalg.det(linear)) < 1e-6:
        raise DataError(f"{path}: the affine is singular or not finite: {lps[:3].round(6).tolist()}.")
    return LPS @ lps @ LPS


def check_affine_name(path: str | Path) -> None:
    """Refuse a name to write to that ends in neither `.tfm` nor `.txt`."""
    if Path(path).suffix not in (".tfm", ".txt"):
        raise DataError(f"{path}: an affine is written as .tfm or .txt.")


def write_affine(path: str | Path, matrix: np.ndarray) -> None:
    """Write `(4, 4)` RAS mm, fixed to moving points, as an ITK text file that ITK, ANTs and Slicer read.

    Raises:
        DataError: If the name ends in neither `.tfm` nor `.txt`.
    """
    check_affine_name(path)
    lps = LPS @ matrix @ LPS
    numbers = " ".join(repr(float(value)) for value in (*lps[:3, :3].ravel(), *lps[:3, 3]))
    write_text(
        path,
        f"{TEXT_HEADER}\n#Transform 0\nTransform: AffineTransform_double_3_3\nParameters: {numbers}\n"
        "FixedParameters: 0 0 0\n",
    )


def _read_text(path: Path) -> tuple[str, np.ndarray, np.ndarray]:
    """The type, the parameters and the fixed parameters (centre first)."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is no ITK text transform ({error}).") from error
    if not lines or not lines[0].startswith("#Insight Transform File"):
        raise DataError(f"{path}:1: is no ITK text transform: the first line must be `{TEXT_HEADER}`.")
    found: dict[str, list[str]] = {"Transform": [], "Parameters": [], "FixedParameters": []}
    for line in lines[1:]:
        key, _, value = line.partition(":")
        if key in found:
            found[key].append(value.strip())
    kinds = [kind for kind in found["Transform"] if not kind.startswith("CompositeTransform")]
    if len(kinds) != 1 or len(found["Parameters"]) != 1:
        raise DataError(f"{path}: holds {len(kinds)} transforms, expected one affine. Compose them to one first.")
    try:
        parameters, fixed = (
            np.array([float(number) for number in " ".join(found[key]).split()])
            for key in ("Parameters", "FixedParameters")
        )
    except ValueError as error:
        raise DataError(f"{path}: the parameters are not numbers ({error}).") from error
    return kinds[0], parameters, fixed[:3]


def _read_mat(path: Path) -> tuple[str, np.ndarray, np.ndarray]:
    from scipy.io import loadmat

    try:
        content = loadmat(path)
    except Exception as error:  # scipy raises many kinds for a damaged file, none of its own
        raise DataError(f"{path}: is no .mat transform as ANTs writes it ({error}).") from error
    kinds = [name for name in content if name.partition("_")[0].endswith(("Transform", "TransformBase"))]
    if len(kinds) != 1:
        raise DataError(f"{path}: holds {len(kinds)} transforms, expected one.")
    fixed = np.asarray(content.get("fixed", np.zeros(3)), dtype=np.float64).ravel()
    return kinds[0], np.asarray(content[kinds[0]], dtype=np.float64).ravel(), fixed[:3]


def _matrix(kind: str, parameters: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """`M (3, 3)` and `t (3,)` of a transform of a known type."""
    name = kind.partition("_")[0]
    sizes = {
        "AffineTransform": 12,
        "MatrixOffsetTransformBase": 12,
        "TranslationTransform": 3,
        "Euler3DTransform": 6,
        "VersorRigid3DTransform": 6,
        "Similarity3DTransform": 7,
        "IdentityTransform": 0,
    }
    if name not in sizes:
        raise DataError(f"{path}: the type `{kind}` is not linear, or not known here. Known: {', '.join(sizes)}.")
    if parameters.size != sizes[name]:
        raise DataError(f"{path}: `{kind}` needs {sizes[name]} parameters, has {parameters.size}.")
    if sizes[name] == 12:
        return parameters[:9].reshape(3, 3), parameters[9:]
    if name == "IdentityTransform":
        return np.eye(3), np.zeros(3)
    if name == "TranslationTransform":
        return np.eye(3), parameters
    if name == "Euler3DTransform":
        return _euler(*parameters[:3]), parameters[3:]
    scale = parameters[6] if name == "Similarity3DTransform" else 1.0
    return scale * _versor(parameters[:3]), parameters[3:6]


def _euler(x: float, y: float, z: float) -> np.ndarray:
    """ITK's default order: `Rz Rx Ry`."""
    (cx, cy, cz), (sx, sy, sz) = np.cos([x, y, z]), np.sin([x, y, z])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def _versor(vector: np.ndarray) -> np.ndarray:
    """The rotation of a unit quaternion with this vector part."""
    x, y, z = vector
    w = np.sqrt(max(1.0 - float(vector @ vector), 0.0))
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
