r"""What the labels of several points would tell about a model, from its answers under several drawn weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_VALUES = 2**22
"""The most values that are in memory for one block of points."""


@dataclass(frozen=True)
class Joint:
    r"""The labels that chosen points may have together, and what each such configuration says about the weights.

    The weights are one of K draws, :math:`\theta_1, \dots, \theta_K`, equally likely as long as nothing is known. Of
    each configuration :math:`y^m` of labels it holds the probability :math:`q_m` and the posterior
    :math:`w_{km} = p(\theta_k \mid y^m)`. All :math:`C^j` of them are enumerated while they are few; later some are
    drawn, systematically (Kitagawa 1996), so that every mean over them stays unbiased. Kirsch, van Amersfoort & Gal
    (2019, "BatchBALD", section 3.4) draw them one by one.

    Arguments:
        log_probabilities: :math:`\log q`, :math:`(M,)`.
        log_posterior: :math:`\log w`, :math:`(K, M)`.
    """

    log_probabilities: Tensor
    log_posterior: Tensor

    @classmethod
    def of_nothing(cls, draws: int, like: Tensor) -> Joint:
        """No point is chosen: one configuration, which tells nothing about so many draws of the weights."""
        return cls(like.new_zeros(1), like.new_full((draws, 1), -math.log(draws)))

    @property
    def is_impartial(self) -> bool:
        """Whether nothing is known yet."""
        return len(self.log_probabilities) == 1

    def entropy(self, log_probs: Tensor) -> Tensor:
        r"""The entropy :math:`H(y \mid y_{1..j})` of each point's label once those of the chosen ones are known.

        .. math:: -\sum_m q_m \sum_c p_{mc} \log p_{mc}, \quad p_{mc} = \sum_k w_{km} p(y = c \mid \theta_k)

        Arguments:
            log_probs: :math:`\log p(y = c \mid \theta_k)` of N points, :math:`(N, K, C)`.

        Returns:
            The entropies in nats, :math:`(N,)`.
        """
        draws, classes = log_probs.shape[1:]
        size = max(1, _VALUES // (len(self.log_probabilities) * classes + draws * classes))
        return torch.cat([self._entropy(block) for block in torch.split(log_probs, size)])

    def information(self, log_probs: Tensor) -> Tensor:
        r"""The mutual information :math:`I(y; \theta \mid y_{1..j})` of each point's label and the weights, in nats.

        Arguments and shapes are those of `entropy`. It never grows by a choice, as labels are independent given the
        weights.
        """
        known = entropies(log_probs) @ self._draw_probabilities()
        return (self.entropy(log_probs) - known).clamp(min=0)

    def extended(self, log_probs: Tensor, most: int, generator: torch.Generator) -> Joint:
        """The configurations with the label of one more point.

        Arguments:
            log_probs: Those of the point, :math:`(K, C)`.
            most: The most configurations; if there are more, as many are drawn.
            generator: The source of the draw.
        """
        both = self.log_posterior[:, :, None] + log_probs[:, None, :]
        evidence = both.logsumexp(0)
        weights = (self.log_probabilities[:, None] + evidence).flatten()
        log_posterior = (both - evidence).flatten(1)
        if len(weights) > most:
            drawn = systematic(weights, most, generator)
            return Joint(weights.new_full((most,), -math.log(most)), log_posterior[:, drawn])
        possible = weights > -math.inf
        return Joint(weights[possible], log_posterior[:, possible])

    def _entropy(self, log_probs: Tensor) -> Tensor:
        count, draws, classes = log_probs.shape
        answers = log_probs.exp().transpose(1, 2).reshape(count * classes, draws)
        mixed = (answers @ self.log_posterior.exp()).view(count, classes, -1)
        return _minus_p_log_p(mixed).sum(1) @ self.log_probabilities.exp()

    def _draw_probabilities(self) -> Tensor:
        return self.log_posterior.exp() @ self.log_probabilities.exp()


def entropies(log_probs: Tensor) -> Tensor:
    r"""The entropy of each distribution in nats, :math:`-\sum_c p_c \log p_c` over the last axis."""
    return _minus_p_log_p(log_probs.exp()).sum(-1)


def _minus_p_log_p(probs: Tensor) -> Tensor:
    """Of each probability, 0 of 0; half the time of ``torch.special.entr`` on a CPU."""
    return -probs * probs.clamp(min=torch.finfo(probs.dtype).tiny).log()


def systematic(log_weights: Tensor, count: int, generator: torch.Generator) -> Tensor:
    r"""The indices of a draw with probabilities in proportion to the weights, :math:`(\text{count},)`.

    One random number serves all: of weight :math:`w` there are :math:`\lfloor w n \rfloor` or one more (Kitagawa 1996,
    "Monte Carlo filter and smoother", appendix).
    """
    shares = log_weights.double().softmax(0).cumsum(0)
    start = torch.rand((), generator=generator, dtype=torch.float64)
    points = (torch.arange(count) + start) / count * shares[-1].cpu()
    return torch.searchsorted(shares, points.to(shares.device), right=True).clamp(max=len(shares) - 1)
