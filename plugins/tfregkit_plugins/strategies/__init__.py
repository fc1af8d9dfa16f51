"""First-party strategies."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.strategies.bilevel import Bilevel
    from tfregkit_plugins.strategies.mixcl import MixCL
    from tfregkit_plugins.strategies.momentum import Momentum
    from tfregkit_plugins.strategies.reconstruction import Reconstruction
    from tfregkit_plugins.strategies.segmentation import Segmentation
    from tfregkit_plugins.strategies.unsupervised import Unsupervised

    registry.strategy("bilevel", Bilevel)
    registry.strategy("mixcl", MixCL)
    registry.strategy("momentum", Momentum)
    registry.strategy("reconstruction", Reconstruction)
    registry.strategy("segmentation", Segmentation)
    registry.strategy("unsupervised", Unsupervised)
