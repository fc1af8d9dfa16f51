"""First-party networks."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Each family imports its classes here, so that listing plugins loads Keras only when components are wanted."""
