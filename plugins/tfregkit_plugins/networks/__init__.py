"""First-party networks."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.networks.affine import Affine
    from tfregkit_plugins.networks.affine_deformable import AffineDeformable
    from tfregkit_plugins.networks.autoencoder import Autoencoder
    from tfregkit_plugins.networks.clmorph import CLMorph
    from tfregkit_plugins.networks.contrareg import ContraReg
    from tfregkit_plugins.networks.densefuse import DenseFuse
    from tfregkit_plugins.networks.mixcl import MixCL
    from tfregkit_plugins.networks.pc_swinmorph import PCSwinMorph
    from tfregkit_plugins.networks.propagative import Propagative
    from tfregkit_plugins.networks.segmentation import Segmentation
    from tfregkit_plugins.networks.siamese import Siamese
    from tfregkit_plugins.networks.svf import SVF
    from tfregkit_plugins.networks.voxelmorph import VoxelMorph

    registry.network("affine", Affine)
    registry.network("affine_deformable", AffineDeformable)
    registry.network("autoencoder", Autoencoder)
    registry.network("clmorph", CLMorph)
    registry.network("contrareg", ContraReg)
    registry.network("densefuse", DenseFuse)
    registry.network("mixcl", MixCL)
    registry.network("pc_swinmorph", PCSwinMorph)
    registry.network("propagative", Propagative)
    registry.network("segmentation", Segmentation)
    registry.network("siamese", Siamese)
    registry.network("svf", SVF)
    registry.network("voxelmorph", VoxelMorph)
