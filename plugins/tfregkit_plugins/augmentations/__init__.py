"""First-party augmentations."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.augmentations.affine import Affine
    from tfregkit_plugins.augmentations.bias_field import BiasField
    from tfregkit_plugins.augmentations.brightness import Brightness
    from tfregkit_plugins.augmentations.contrast import Contrast
    from tfregkit_plugins.augmentations.elastic import Elastic
    from tfregkit_plugins.augmentations.flip import Flip
    from tfregkit_plugins.augmentations.gamma import Gamma
    from tfregkit_plugins.augmentations.noise import Noise
    from tfregkit_plugins.augmentations.rotate90 import Rotate90
    from tfregkit_plugins.augmentations.smoothing import Smoothing

    registry.augmentation("affine", Affine)
    registry.augmentation("bias_field", BiasField)
    registry.augmentation("brightness", Brightness)
    registry.augmentation("contrast", Contrast)
    registry.augmentation("elastic", Elastic)
    registry.augmentation("flip", Flip)
    registry.augmentation("gamma", Gamma)
    registry.augmentation("noise", Noise)
    registry.augmentation("rotate90", Rotate90)
    registry.augmentation("smoothing", Smoothing)
