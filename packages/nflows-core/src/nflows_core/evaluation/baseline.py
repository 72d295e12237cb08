"""What a flow must beat: a single Gaussian."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from nflows_core.data.images import Images
from nflows_core.distributions.dequantization import dequantize
from nflows_core.distributions.generator import seeded_generator
from nflows_core.evaluation.metrics import BitsPerDim
from nflows_core.flow import density_to_bits_per_dim

_BATCH = 2000


def gaussian_bits_per_dim(train: Images, test: Images, seed: int = 0) -> BitsPerDim:
    r"""Bits per dimension of a Gaussian with full covariance, fitted by maximum likelihood.

    .. math:: \log p(x) = -\tfrac{1}{2} \|L^{-1} (x - \mu)\|^2 - \sum_i \log L_{ii} - \tfrac{D}{2} \log 2 \pi,
        \qquad \Sigma = L L^T

    with mean and covariance of the uniformly dequantized training images, in float64, by the convention of
    `Flow.bits_per_dim`.

    Arguments:
        train: The images to fit, more than :math:`D = CHW` of them.
        test: The images to measure.
        seed: The seed of the dequantization noise.

    Raises:
        ValueError: The images differ in shape or quantization, or the covariance is singular.
    """
    if (train.shape, train.quantization) != (test.shape, test.quantization):
        raise ValueError(
            f"the training images are {train.shape} with {train.quantization} values a pixel, "
            f"the test images {test.shape} with {test.quantization}"
        )
    mean, factor = _fit(train, seed)
    dimensions = math.prod(train.shape)
    constant = factor.diagonal().log().sum() + dimensions / 2 * math.log(2 * math.pi)
    # The noise of the test images must not be the one that the Gaussian was fitted to.
    log_prob = torch.cat(
        [-0.5 * _whiten(x - mean, factor).square().sum(1) - constant for x in _dequantized(test, seed + 1)]
    )
    return BitsPerDim.of(density_to_bits_per_dim(log_prob, train.shape, train.quantization))


def _fit(images: Images, seed: int) -> tuple[Tensor, Tensor]:
    """The mean, :math:`(D,)`, and the lower Cholesky factor of the covariance, :math:`(D, D)`."""
    dimensions = math.prod(images.shape)
    mean = torch.stack([x.sum(0) for x in _dequantized(images, seed)]).sum(0) / len(images)
    covariance = mean.new_zeros(dimensions, dimensions)
    # The same seed draws the same noise again; one pass through raw moments would cancel digits.
    for x in _dequantized(images, seed):
        centred = x - mean
        covariance.addmm_(centred.T, centred, alpha=1 / len(images))
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        raise ValueError(
            f"the covariance of {len(images)} images of {dimensions} dimensions is singular; "
            f"fit the Gaussian to more than {dimensions} images"
        )
    return mean, factor


def _whiten(centred: Tensor, factor: Tensor) -> Tensor:
    whitened: Tensor = torch.linalg.solve_triangular(factor, centred.T, upper=False)
    return whitened.T


def _dequantized(images: Images, seed: int) -> Iterator[Tensor]:
    generator = seeded_generator(seed)
    for start in range(0, len(images), _BATCH):
        pixels = images.pixels[start : start + _BATCH].double()
        yield dequantize(pixels, images.quantization, generator).flatten(1)
