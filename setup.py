"""Packaging: two source roots, one entry point per plugin family, one console script."""

from pathlib import Path

from setuptools import find_packages, setup

FAMILIES = [
    "similarities",
    "regularizers",
    "encoders",
    "decoders",
    "stitchers",
    "networks",
    "strategies",
    "datasets",
    "augmentations",
    "metrics",
]
HERE = Path(__file__).parent

setup(
    name="tfregkit",
    version="0.1.0",
    description="Learning-based deformable registration of medical images with Keras 3: every part a plugin, "
    "every experiment one YAML file.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8") if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["tfregkit", "tfregkit.*"]) + find_packages("plugins") + ["tfregkit.configs"],
    package_dir={
        "tfregkit": "tfregkit",
        "tfregkit.configs": "configs",  # so that the wheel carries the shipped experiments
        "tfregkit_plugins": "plugins/tfregkit_plugins",
    },
    package_data={
        "tfregkit.configs": ["*.yaml", "*.json"],
        "tfregkit.cli": ["template/*", "template/*/*.py"],  # what `tfregkit new-plugin` copies
    },
    exclude_package_data={"tfregkit.cli": ["template/*/__pycache__/*"]},
    install_requires=[
        "tensorflow>=2.19",
        "keras>=3.10",
        "numpy>=1.26",
        "scipy>=1.11",
        "nibabel>=5.2",
        "nilearn>=0.10",
        "pandas>=2.0",
        "matplotlib>=3.8",
        "pluggy>=1.4",
        "pydantic>=2.6",
        "pyyaml>=6.0",
        "click>=8.1",
        "rich>=13.0",
        "tensorboard>=2.16",
        "surface-distance>=0.1",
    ],
    extras_require={
        "test": ["pytest>=8", "pytest-xdist>=3.5", "SimpleITK>=2.3", "setuptools>=70"],
        "parity": ["torch>=2.2", "voxelmorph>=0.3.4", "neurite>=0.3", "jax>=0.4.30", "antspyx>=0.5", "monai>=1.4"],
        "dev": ["ruff", "import-linter"],
    },
    entry_points={
        "console_scripts": ["tfregkit = tfregkit.cli.main:main"],
        "pytest11": ["tfregkit = tfregkit.testing.pytest_plugin"],
        # The very group third-party packages use; one line per family, so that a new loss needs no reinstall.
        "tfregkit": [f"tfregkit-{family} = tfregkit_plugins.{family}" for family in FAMILIES],
    },
)
