r"""Ridge regression on blocks of features of which each counts alike, however long it is.

.. math:: f(x) = \bar t + W^\top z(x), \qquad W = \operatorname{argmin} \|T - \bar t - Z W\|^2 + \lambda \|W\|^2

where z standardizes each feature and divides those of a block by :math:`\sqrt{B n_b}`, of B blocks of :math:`n_b`
features each, so that the norm of z is about 1 (Hoerl & Kennard 1970; as a classifier of the classes' indicators T,
Rifkin & Lippert 2007). Where there are fewer rows than features it is solved in the dual,
:math:`W = Z^\top (Z Z^\top + \lambda I)^{-1} (T - \bar t)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Linear(NamedTuple):
    """A linear function of features :math:`(N, F)` to :math:`(N, K)`.

    Arguments:
        weight: Its weights, :math:`(F, K)`.
        bias: What it gives for zeros, :math:`(K,)`.
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        return features.float() @ self.weight + self.bias


def ridge(features: Tensor, targets: Tensor, blocks: Sequence[int], penalty: float) -> Linear:
    r"""The ridge regression of targets on features.

    Arguments:
        features: The features of each row, :math:`(N, F)`.
        targets: The targets T of each, :math:`(N, K)`.
        blocks: The lengths of the blocks of features, whose sum is F.
        penalty: The penalty :math:`\lambda`, above 0.

    Raises:
        ValueError: There are no rows, or the shapes do not fit.
    """
    if not len(features) or len(features) != len(targets) or sum(blocks) != features.shape[1]:
        shape = tuple(features.shape)
        raise ValueError(f"`features`: expected {len(targets)} rows of {sum(blocks)}, and some at all, got {shape}")
    x = features.float()
    mean, scale = x.mean(0), _scale(x, blocks)
    z, middle = (x - mean) * scale, targets.double().mean(0)
    weight = _solved(z, targets.double() - middle, penalty).float() * scale[:, None]
    return Linear(weight, middle.float() - mean @ weight)


def _scale(x: Tensor, blocks: Sequence[int]) -> Tensor:
    """What each feature is multiplied by; zero where it is constant but for rounding."""
    deviation = x.std(0, correction=0)
    lengths = torch.repeat_interleave(torch.tensor(blocks), torch.tensor(blocks))
    is_constant = deviation <= 1e-5 * x.abs().amax(0)
    return torch.where(is_constant, 0.0, 1 / (deviation * (len(blocks) * lengths).sqrt()))


def _solved(z: Tensor, targets: Tensor, penalty: float) -> Tensor:
    is_wide = z.shape[1] > len(z)
    gram = (z @ z.T if is_wide else z.T @ z).double()
    gram.diagonal().add_(penalty)
    root = torch.linalg.cholesky(gram)
    if is_wide:
        return z.double().T @ torch.cholesky_solve(targets, root)
    return torch.cholesky_solve(z.double().T @ targets, root)
