"""KL divergences of Gaussians with dense covariances, in float64 NumPy."""

import itertools

import numpy as np


def laplacian(shape):
    """`D - A` of the graph whose vertices are voxels and whose edges join neighbours along the axes: dense."""
    number = np.arange(np.prod(shape)).reshape(shape)
    matrix = np.zeros((number.size, number.size))
    for place in itertools.product(*map(range, shape)):
        for axis in range(len(shape)):
            other = list(place)
            other[axis] += 1
            if other[axis] < shape[axis]:
                p, q = number[place], number[tuple(other)]
                matrix[[p, q], [p, q]] += 1
                matrix[[p, q], [q, p]] -= 1
    return matrix


def gaussian_kl(mean, covariance, prior_precision):
    """`KL(N(mean, covariance) || N(0, prior_precision^-1))`, for one vector."""
    size = len(mean)
    _, log_covariance = np.linalg.slogdet(covariance)
    _, log_precision = np.linalg.slogdet(prior_precision)
    quadratic = np.trace(prior_precision @ covariance) + mean @ prior_precision @ mean
    return 0.5 * (quadratic - size - log_covariance - log_precision)


def laplacian_kl(mean, variance, lam, delta=1e-6):
    """Per voxel, summed over components, without what does not depend on the posterior: fields `(X, Y[, Z], M)`.

    The prior's precision is `lam (L + delta I)`; its log determinant and the constant are taken away again.
    """
    precision = lam * (laplacian(mean.shape[:-1]) + delta * np.eye(mean[..., 0].size))
    constant = 0.5 * (len(precision) + np.linalg.slogdet(precision)[1])
    each = [
        gaussian_kl(mean[..., c].ravel(), np.diag(variance[..., c].ravel()), precision) + constant
        for c in range(mean.shape[-1])
    ]
    return sum(each) / len(precision)
