r"""The density of features, by a flow whose Jacobian is constant."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor

from nflows_core.flow import Flow
from nflows_core.models import FeatureFlow
from nflows_core.training import EngineConfig, Trainer, VectorLikelihood

DIMENSIONS = 128
"""The principal components that the flow sees; those after them are mostly noise, see `NOISE`."""
NOISE = 3.0
"""The variance of the noise, in that of a feature on average; chosen where other classes were unknown."""
LEAST_CROPS = 40
"""Crops without which there is nothing to learn."""
_STEPS = 6
_WIDTH = 64
_LEAST_VARIANCE = 1e-6  # in that of a feature on average: below is rounding
TRAINING = EngineConfig(epochs=48, batch_size=256, learning_rate=2e-3, warmup_steps=25, clip_norm=10.0, ema_decay=0.98)
"""At most 1,200 updates, stopped by crops that are held out."""


class FeatureDensity:
    r"""The log-density of features with noise, :math:`x + \epsilon`: around each class mean, one flow and the rest.

    .. math:: p(x) = \sum_c \pi_c\, q(x - \mu_c), \qquad
        \log q(x) = -\tfrac{1}{2} \|f(y)\|^2 - \frac{\|r\|^2}{2 \rho} + \text{const}, \qquad
        y = x V (\Lambda + \sigma^2 I)^{-1/2}, \qquad r = x (I - V V^\top)

    with the largest d variances :math:`\Lambda` of what deviates from the classes' means, their directions V, and
    :math:`\rho` the variance that is left in each other direction, with the noise. Before a training :math:`f` only
    permutes, and q is probabilistic principal component analysis (Tipping & Bishop 1999): a Mahalanobis distance on all
    features from the class means under one covariance (Lee et al. 2018).

    A few thousand crops do not fill a space of hundreds of dimensions; :math:`\sigma^2` says how near they are looked
    at, and takes the weight from directions that hardly vary, in which each new photograph is strange.

    The flow :math:`f` is of additive couplings (Dinh et al. 2014), permutations, and a scale of each channel, so that
    its Jacobian determinant is one number: a likelihood is a distance in latent space, and no crop gets a high one
    because the flow happens to contract there, as with other couplings (Nalisnick et al. 2019, section 5).

    Arguments:
        means: :math:`\mu`, of each of C classes, :math:`(C, D)`.
        shares: :math:`\pi`, :math:`(C,)`.
        matrix: :math:`V (\Lambda + \sigma^2 I)^{-1/2}`, of orthogonal columns, :math:`(D, d)`.
        rest: :math:`\rho`, above 0.
        flow: As `feature_flow` makes it, of d dimensions.
    """

    def __init__(self, means: Tensor, shares: Tensor, matrix: Tensor, rest: float, flow: Flow) -> None:
        self.means = means
        self.shares = shares
        self.matrix = matrix
        self.rest = rest
        self.flow = flow.eval()

    @classmethod
    def fit(cls, features: Tensor, labels: Tensor, seed: int = 0, training: EngineConfig = TRAINING) -> Self:
        """Maximizes the likelihood of features given their classes; see `VectorLikelihood`.

        Arguments:
            features: The features of crops of known classes, :math:`(N, D)`.
            labels: The number of the class of each, :math:`(N,)`.
            seed: The seed of the first weights and of the batches.
            training: The other settings.

        Raises:
            ValueError: There are too few, some are not finite, or all are the same.
            DivergedError: The training stopped being finite.
        """
        _check(features)
        counts = labels.bincount()
        present = counts.nonzero()[:, 0]
        means = torch.stack([features[labels == label].mean(0) for label in present])
        deviations = features - means[torch.searchsorted(present, labels)]
        matrix, noise, rest = _principal_components(deviations)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            flow = feature_flow(matrix.shape[1])
        y, deviation = _as_images(deviations @ matrix), _as_images(noise[None])[0]
        task = VectorLikelihood(flow, y, replace(training, seed=seed), noise=deviation)
        return cls(means, counts[present] / len(features), matrix, rest, Trainer(task).fit().cpu())

    @torch.inference_mode()
    def log_prob(self, features: Tensor) -> Tensor:
        """The log-density at features, :math:`(B, D)`, in nats; :math:`(B,)`."""
        of_classes = torch.stack([self._log_prob_around(features - mean) for mean in self.means], 1)
        return torch.logsumexp(of_classes + self.shares.log(), 1)

    def _log_prob_around(self, x: Tensor) -> Tensor:
        y = x @ self.matrix
        scales: Tensor = torch.linalg.vector_norm(self.matrix, dim=0)
        outside = x - (y / scales.square()) @ self.matrix.T
        dimensions = self.matrix.shape[0] - self.matrix.shape[1]
        constant = scales.log().sum() - dimensions * math.log(2 * math.pi * self.rest) / 2
        return self.flow.log_prob(_as_images(y)) - outside.square().sum(1) / (2 * self.rest) + constant


def feature_flow(dimensions: int) -> FeatureFlow:
    """A flow for vectors, as images of one pixel; its weights are random, and it keeps volumes but for one factor."""
    return FeatureFlow((dimensions, 1, 1), _STEPS, _WIDTH)


def _principal_components(deviations: Tensor) -> tuple[Tensor, Tensor, float]:
    """The matrix, the standard deviation of the noise in each component, and the variance of the rest."""
    variances, directions = torch.linalg.eigh(torch.cov(deviations.double().T))
    usual = variances.mean()
    kept = min(DIMENSIONS, int((variances > _LEAST_VARIANCE * usual).sum()))
    if kept < 2:
        raise ValueError("`features`: they differ in less than two ways; are all crops the same?")
    noise = NOISE * usual
    left, largest = variances.tensor_split([len(variances) - kept])
    rest = left.clamp(min=0).sum() / max(len(left), 1) + noise
    scales = (largest.flip(0) + noise).rsqrt()
    matrix = directions[:, -kept:].flip(1) * scales
    return matrix.float(), (noise.sqrt() * scales).float(), rest.item()


def _as_images(vectors: Tensor) -> Tensor:
    return vectors[:, :, None, None]


def _check(features: Tensor) -> None:
    if len(features) < LEAST_CROPS:
        raise ValueError(f"`features`: {len(features)} crops are too few to learn what is likely; give {LEAST_CROPS}")
    if not features.isfinite().all():
        raise ValueError("`features`: some are not finite")
