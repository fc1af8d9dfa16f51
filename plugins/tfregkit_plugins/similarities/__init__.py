"""First-party similarities."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.similarities.mcr import MCR
    from tfregkit_plugins.similarities.mi import MI
    from tfregkit_plugins.similarities.mse import MSE
    from tfregkit_plugins.similarities.ncc import NCC
    from tfregkit_plugins.similarities.patch_nce import PatchNCE

    registry.similarity("mcr", MCR)
    registry.similarity("mi", MI)
    registry.similarity("mse", MSE)
    registry.similarity("ncc", NCC)
    registry.similarity("patch_nce", PatchNCE)
