"""First-party metrics."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Each family imports its classes here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.metrics.assd import ASSD
    from tfregkit_plugins.metrics.dice import Dice
    from tfregkit_plugins.metrics.dice30 import Dice30
    from tfregkit_plugins.metrics.folds import Folds
    from tfregkit_plugins.metrics.hd import HD
    from tfregkit_plugins.metrics.hd95 import HD95
    from tfregkit_plugins.metrics.local_ncc import LocalNCC
    from tfregkit_plugins.metrics.sdlogj import SDLogJ
    from tfregkit_plugins.metrics.seam import Seam
    from tfregkit_plugins.metrics.tre import TRE

    registry.metric("assd", ASSD)
    registry.metric("dice", Dice)
    registry.metric("dice30", Dice30)
    registry.metric("folds", Folds)
    registry.metric("hd", HD)
    registry.metric("hd95", HD95)
    registry.metric("ncc", LocalNCC)
    registry.metric("sdlogj", SDLogJ)
    registry.metric("seam", Seam)
    registry.metric("tre", TRE)
