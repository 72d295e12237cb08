r"""The density of features, by a flow whose Jacobian is constant."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import torch
from torch import Tensor

from nflows_core.bijections import ActNorm, Bijection, Composition, ConditionalShift, Permutation, PointwiseNetwork
from nflows_core.bijections.base import Shape
from nflows_core.bijections.coupling import halves
from nflows_core.flow import Flow
from nflows_core.training import EngineConfig, Trainer, VectorLikelihood

DIMENSIONS = 128
"""The principal components that are kept; those after them are mostly noise, see `NOISE`."""
NOISE = 3.0
"""The variance of the noise, in that of a feature on average; chosen where other classes were unknown."""
LEAST_CROPS = 40
"""Crops without which there is nothing to learn."""
_STEPS = 6
_WIDTH = 64
_LEAST_VARIANCE = 1e-6  # in that of a feature on average: below is rounding
TRAINING = EngineConfig(epochs=16, batch_size=256, learning_rate=2e-3, warmup_steps=25, clip_norm=10.0, ema_decay=0.98)
"""At most 400 updates, stopped by crops that are held out."""


class FeatureDensity:
    r"""The log-density of features with noise, :math:`x + \epsilon`, by their whitened principal components y.

    .. math:: \log p(y) = -\tfrac{1}{2} \|f(y)\|^2 + c, \qquad y = (x - \mu) W, \qquad
        W = V (\Lambda + \sigma^2 I)^{-1/2}

    with :math:`V \Lambda V^\top` the covariance of the features. A few thousand crops do not fill a space of
    hundreds of dimensions; :math:`\sigma^2` says how near they are looked at, and takes the weight from components that
    hardly vary, in which each new photograph is strange.

    The flow :math:`f` is of additive couplings (Dinh et al. 2014), permutations, and a scale of each channel, so that
    its Jacobian determinant is one number: a likelihood is a distance in latent space, and no crop gets a high one
    because the flow happens to contract there, as with other couplings (Nalisnick et al. 2019, section 5). Before
    a training :math:`f` only permutes, and the density is the Gaussian of a Mahalanobis distance.

    Arguments:
        mean: :math:`\mu`, :math:`(D,)`.
        matrix: :math:`W`, :math:`(D, d)`.
        flow: As `feature_flow` makes it.
    """

    def __init__(self, mean: Tensor, matrix: Tensor, flow: Flow) -> None:
        self.mean = mean
        self.matrix = matrix
        self.flow = flow.eval()

    @classmethod
    def fit(cls, features: Tensor, seed: int = 0, training: EngineConfig = TRAINING) -> Self:
        """Maximizes the likelihood of features, :math:`(N, D)`; see `VectorLikelihood`.

        Arguments:
            features: The features of crops of known classes.
            seed: The seed of the first weights and of the batches.
            training: The other settings.

        Raises:
            ValueError: There are too few, some are not finite, or all are the same.
            DivergedError: The training stopped being finite.
        """
        _check(features)
        mean, matrix, noise = _whitening(features)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            flow = feature_flow(matrix.shape[1])
        y = _as_images((features - mean) @ matrix)
        task = VectorLikelihood(flow, y, replace(training, seed=seed), noise=_as_images(noise[None])[0])
        return cls(mean, matrix, Trainer(task).fit().cpu())

    @torch.inference_mode()
    def log_prob(self, features: Tensor) -> Tensor:
        """The log-density at features, :math:`(B, D)`, in nats; :math:`(B,)`."""
        return self.flow.log_prob(_as_images((features - self.mean) @ self.matrix))


def feature_flow(dimensions: int) -> Flow:
    """A flow for vectors, as images of one pixel; its weights are random, and it keeps volumes but for one factor."""
    shape = (dimensions, 1, 1)
    steps = [bijection for _ in range(_STEPS) for bijection in _step(shape)]
    return Flow([Composition([*steps, ActNorm(shape)])])


def _step(shape: Shape) -> list[Bijection]:
    kept, changed = halves(shape)
    order = torch.randperm(shape[0]).tolist()
    return [Permutation(shape, order), ConditionalShift(shape, kept, PointwiseNetwork(kept, changed, _WIDTH))]


def _whitening(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The mean, W, and the standard deviation of the noise in each component, which with it has variance 1."""
    x = features.double()
    variances, directions = torch.linalg.eigh(torch.cov(x.T))
    usual = variances.mean()
    kept = min(DIMENSIONS, int((variances > _LEAST_VARIANCE * usual).sum()))
    if kept < 2:
        raise ValueError("`features`: they differ in less than two ways; are all crops the same?")
    shrunk = (variances[-kept:].flip(0) + NOISE * usual).rsqrt()
    matrix = directions[:, -kept:].flip(1) * shrunk
    return x.mean(0).float(), matrix.float(), ((NOISE * usual).sqrt() * shrunk).float()


def _as_images(vectors: Tensor) -> Tensor:
    return vectors[:, :, None, None]


def _check(features: Tensor) -> None:
    if len(features) < LEAST_CROPS:
        raise ValueError(f"`features`: {len(features)} crops are too few to learn what is likely; give {LEAST_CROPS}")
    if not features.isfinite().all():
        raise ValueError("`features`: some are not finite")
