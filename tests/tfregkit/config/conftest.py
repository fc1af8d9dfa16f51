"""A registry with the components of these tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import components  # noqa: E402


@pytest.fixture
def registered(tfregkit_registry):
    return tfregkit_registry(components)
