"""First-party similarities."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.similarities.byol import BYOL
    from tfregkit_plugins.similarities.cross_entropy import CrossEntropy
    from tfregkit_plugins.similarities.identity_consistency import IdentityConsistency
    from tfregkit_plugins.similarities.label_consistency import LabelConsistency
    from tfregkit_plugins.similarities.local_mi import LocalMI
    from tfregkit_plugins.similarities.mae import MAE
    from tfregkit_plugins.similarities.mcr import MCR
    from tfregkit_plugins.similarities.mi import MI
    from tfregkit_plugins.similarities.mind import MIND
    from tfregkit_plugins.similarities.mind_ssc import MINDSSC
    from tfregkit_plugins.similarities.mse import MSE
    from tfregkit_plugins.similarities.ncc import NCC
    from tfregkit_plugins.similarities.ngf import NGF
    from tfregkit_plugins.similarities.nt_xent import NTXent
    from tfregkit_plugins.similarities.patch_contrast import PatchContrast
    from tfregkit_plugins.similarities.patch_nce import PatchNCE
    from tfregkit_plugins.similarities.soft_dice import SoftDice
    from tfregkit_plugins.similarities.ssim import SSIM

    registry.similarity("byol", BYOL)
    registry.similarity("cross_entropy", CrossEntropy)
    registry.similarity("identity_consistency", IdentityConsistency)
    registry.similarity("label_consistency", LabelConsistency)
    registry.similarity("mcr", MCR)
    registry.similarity("local_mi", LocalMI)
    registry.similarity("mi", MI)
    registry.similarity("mae", MAE)
    registry.similarity("mind", MIND)
    registry.similarity("mind_ssc", MINDSSC)
    registry.similarity("mse", MSE)
    registry.similarity("ncc", NCC)
    registry.similarity("ngf", NGF)
    registry.similarity("nt_xent", NTXent)
    registry.similarity("patch_contrast", PatchContrast)
    registry.similarity("patch_nce", PatchNCE)
    registry.similarity("soft_dice", SoftDice)
    registry.similarity("ssim", SSIM)
