"""First-party stitchers."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.stitchers.concat import Concat
    from tfregkit_plugins.stitchers.swin import Swin

    registry.stitcher("concat", Concat)
    registry.stitcher("swin", Swin)
