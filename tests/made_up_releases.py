"""Small releases in the public layouts, and the scripts that lay them out."""

import importlib.util
import os
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

from tfregkit.config.experiment import load_experiment

ROOT = Path(__file__).parents[1]
SHAPE = (11, 13, 7)


def load(name):
    """A script as a module."""
    folder = ROOT / "scripts"
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))  # as for `python scripts/NAME.py`
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def volumes(number, shape=SHAPE):
    """An image that is the number of its person but for one voxel, and labels of one box."""
    image = np.full(shape, number, np.int16)
    image[2, 3, 1] = 1000 + number
    labels = np.zeros(shape, np.uint8)
    labels[1:6, 2:11, 1:4] = 21
    return image, labels


def save(path, data, affine=None, kind=nib.Nifti1Image):
    """Write an array, with voxels of 1 mm that run to the left where no affine is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(kind(data, np.diag([-1.0, 1, 1, 1]) if affine is None else affine), path)


def link(path, source):
    """The same file under another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, path)


def prepared(script, release, out, *words):
    """Run a script; its exit code."""
    return script.main([str(release), str(out), *map(str, words)])


def fails(capsys, script, *words):
    """Run a script that must fail; what it says."""
    assert prepared(script, *words) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    return told


def split_of(config, table):
    """The pairs that a shipped configuration takes from a prepared table."""
    experiment = load_experiment(ROOT / "configs" / f"{config}.yaml", [f"data.dataset.table={table}"])
    return experiment.stages[-1].data.dataset.build().split(experiment.seed)


def contents(folder):
    """Every file below a folder: images as type, affine and voxels, tables as text."""
    return {
        path.relative_to(folder).as_posix(): _image(path) if path.name.endswith(".nii.gz") else path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _image(path):
    image = nib.load(path)
    return image.get_data_dtype(), image.affine.tobytes(), np.asarray(image.dataobj).tobytes()
