"""First-party decoders."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.decoders.unet import UNetDecoder

    registry.decoder("unet", UNetDecoder)
