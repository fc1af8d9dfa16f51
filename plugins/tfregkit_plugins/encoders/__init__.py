"""First-party encoders."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.encoders.unet import UNetEncoder
    from tfregkit_plugins.encoders.unetr import UNETREncoder

    registry.encoder("unet", UNetEncoder)
    registry.encoder("unetr", UNETREncoder)
