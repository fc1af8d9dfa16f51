"""First-party datasets."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.datasets.demo import Demo
    from tfregkit_plugins.datasets.mixture import Mixture
    from tfregkit_plugins.datasets.nifti import Nifti

    registry.dataset("demo", Demo)
    registry.dataset("mixture", Mixture)
    registry.dataset("nifti", Nifti)
