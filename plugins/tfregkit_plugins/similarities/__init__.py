"""First-party similarities."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.similarities.mi import MI
    from tfregkit_plugins.similarities.mse import MSE
    from tfregkit_plugins.similarities.ncc import NCC

    registry.similarity("mi", MI)
    registry.similarity("mse", MSE)
    registry.similarity("ncc", NCC)
