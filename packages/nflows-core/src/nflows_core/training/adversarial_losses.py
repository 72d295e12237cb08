r"""What a discriminator and a generator lower, and what keeps both in bounds where there are few pictures."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F


def hinge_loss(real: Tensor, made: Tensor) -> Tensor:
    r"""What a discriminator lowers, zero where it is right by a margin of 1.

    .. math:: \tfrac12 \left( \overline{\max(0, 1 - D(x))} + \overline{\max(0, 1 + D(\hat x))} \right)

    Lim & Ye 2017, "Geometric GAN", equation 13, halved as in Esser et al. 2021. A generator lowers
    :math:`-\overline{D(\hat x)}`.

    Arguments:
        real: Logits :math:`D(x)` of real pictures.
        made: Logits :math:`D(\hat x)` of made ones.
    """
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + made).mean())


def r1_penalty(logits: Tensor, x: Tensor) -> Tensor:
    r"""How steep a discriminator is at real pictures.

    .. math:: R_1 = \tfrac12 \, \overline{\lVert \nabla_x D(x) \rVert^2}

    Mescheder et al. 2018, equation 9 with :math:`\gamma = 1`. It can be differentiated by the discriminator's weights.

    Arguments:
        logits: :math:`D(x)`, one for each picture, :math:`(B,)`, each of its own picture alone.
        x: The pictures, :math:`(B, \dots)`, which require a gradient.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return 0.5 * gradient.square().flatten(1).sum(1).mean()


def lecam_penalty(real: Tensor, made: Tensor, real_mean: Tensor, made_mean: Tensor) -> Tensor:
    r"""How far a discriminator's logits are from what it lately said of the other kind.

    .. math:: \overline{(D(x) - \alpha_F)^2} + \overline{(D(\hat x) - \alpha_R)^2}

    Tseng et al. 2021, "Regularizing generative adversarial networks under limited data", equation 2.

    Arguments:
        real: Logits :math:`D(x)` of real pictures.
        made: Logits :math:`D(\hat x)` of made ones.
        real_mean: The moving average :math:`\alpha_R` of logits of real pictures, a scalar.
        made_mean: That of made ones, :math:`\alpha_F`.
    """
    return (real - made_mean).square().mean() + (made - real_mean).square().mean()


def orthogonal_penalty(weights: Iterable[Tensor]) -> Tensor:
    r"""How far the filters of layers are from orthogonal to each other, whatever their lengths.

    .. math:: \sum_W \lVert W W^T \odot (1 - I) \rVert_F^2

    Brock et al. 2019, equation 3, with the filters as rows. Generators that have it low can be truncated further.

    Arguments:
        weights: The weights :math:`W` of the layers, filters first, at least one; each is flattened to a matrix.
    """
    grams = [rows @ rows.T for rows in (weight.flatten(1) for weight in weights)]
    return torch.stack([(gram - gram.diagonal().diag()).square().sum() for gram in grams]).sum()
