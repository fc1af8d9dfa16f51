"""First-party networks."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.networks.autoencoder import Autoencoder
    from tfregkit_plugins.networks.contrareg import ContraReg
    from tfregkit_plugins.networks.svf import SVF
    from tfregkit_plugins.networks.voxelmorph import VoxelMorph

    registry.network("autoencoder", Autoencoder)
    registry.network("contrareg", ContraReg)
    registry.network("svf", SVF)
    registry.network("voxelmorph", VoxelMorph)
