"""First-party decoders."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.decoders.unet import UNetDecoder
    from tfregkit_plugins.decoders.unetr import UNETRDecoder

    registry.decoder("unet", UNetDecoder)
    registry.decoder("unetr", UNETRDecoder)
