"""Subjects on disk and a configuration that trains on them in seconds."""

from __future__ import annotations

import pytest
import yaml
from training_data import small_experiment, write_subjects


@pytest.fixture(scope="session")
def subjects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("subjects")
    write_subjects(folder)
    return folder


@pytest.fixture
def config(subjects, tmp_path):
    """The path of a configuration file."""
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small_experiment(subjects)))
    return path
