"""Components for tfregkit."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Called once, before any configuration is read. Keras is imported here and not above, to keep start-up quick."""
    from my_plugin.charbonnier import Charbonnier

    registry.similarity("my_plugin_charbonnier", Charbonnier)
