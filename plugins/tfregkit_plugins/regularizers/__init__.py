"""First-party regularizers."""

from tfregkit import hookimpl


@hookimpl
def register_components(registry):
    """Import here, so that listing plugins loads Keras only when components are wanted."""
    from tfregkit_plugins.regularizers.bending import Bending
    from tfregkit_plugins.regularizers.determinant import Determinant
    from tfregkit_plugins.regularizers.diffusion import Diffusion
    from tfregkit_plugins.regularizers.kl import KL
    from tfregkit_plugins.regularizers.negative_jacobian import NegativeJacobian
    from tfregkit_plugins.regularizers.orthogonality import Orthogonality
    from tfregkit_plugins.regularizers.velocity_l2 import VelocityL2

    registry.regularizer("bending", Bending)
    registry.regularizer("determinant", Determinant)
    registry.regularizer("diffusion", Diffusion)
    registry.regularizer("kl", KL)
    registry.regularizer("negative_jacobian", NegativeJacobian)
    registry.regularizer("orthogonality", Orthogonality)
    registry.regularizer("velocity_l2", VelocityL2)
