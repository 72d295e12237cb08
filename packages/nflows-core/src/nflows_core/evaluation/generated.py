r"""How near made pictures are to real ones, and how varied they are, by features of any network.

Each function takes features as rows, :math:`(N, D)`, and computes in float64. With few pictures, say how many: the
Fréchet distance is biased upward by them, the kernel distance is not.
"""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(real: Tensor, made: Tensor) -> float:
    r"""The Fréchet distance of two Gaussians with the means and covariances of the features.

    .. math:: \lVert \mu_1 - \mu_2 \rVert^2
        + \operatorname{tr}\bigl(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1^{1/2} \Sigma_2 \Sigma_1^{1/2})^{1/2}\bigr)

    Heusel et al. 2017, equation 6; FID, if the features are those of Inception.

    Raises:
        ValueError: There are fewer than two of either, or they have other lengths.
    """
    x, y = _checked(real, made)
    # With R^T R = Sigma, the last trace is the sum of the singular values of R_1 R_2^T, and neither needs a root.
    first, second = (torch.linalg.qr(_deviations(one), mode="r").R for one in (x, y))
    shared = torch.linalg.svdvals(first @ second.T).sum()
    distance = (x.mean(0) - y.mean(0)).square().sum() + first.square().sum() + second.square().sum() - 2 * shared
    return float(distance.clamp(min=0))


def kernel_distance(real: Tensor, made: Tensor) -> float:
    r"""The unbiased estimate of the squared maximum mean discrepancy under :math:`k(x, y) = (x \cdot y / D + 1)^3`.

    Bińkowski et al. 2018, section 4; KID, if the features are those of Inception. It may be below 0.

    Raises:
        ValueError: There are fewer than two of either, or they have other lengths.
    """
    x, y = _checked(real, made)
    within = [_mean_of_others(_kernel(one, one)) for one in (x, y)]
    return float(within[0] + within[1] - 2 * _kernel(x, y).mean())


def precision_recall(real: Tensor, made: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """The part of made pictures that lies among the real ones, and the part of real ones among the made ones.

    A picture lies among others if it is as near to one of these as its k-th nearest neighbour of its own kind is
    (Kynkäänniemi et al. 2019, equations 1 and 2).

    Arguments:
        real: The features of real pictures.
        made: Those of made ones.
        neighbours: The number k, 3 in the paper.

    Raises:
        ValueError: There are not more than k of either, or they have other lengths.
    """
    x, y = _checked(real, made, least=neighbours + 1)
    between = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    precision = (between <= _radii(x, neighbours)[:, None]).any(0)
    recall = (between <= _radii(y, neighbours)).any(1)
    return float(precision.double().mean()), float(recall.double().mean())


def vendi_score(features: Tensor) -> float:
    r"""How many pictures that have nothing in common would be as varied as these, from 1 to N.

    .. math:: \exp\Bigl(-\sum_i \lambda_i \log \lambda_i\Bigr)

    with the eigenvalues :math:`\lambda` of :math:`K / N`, K the cosines between the features (Friedman & Dieng 2023,
    definition 3.1).

    Raises:
        ValueError: There are none, or one is zero.
    """
    x = features.double()
    lengths = x.norm(dim=1, keepdim=True)
    if not len(x) or not lengths.all():
        raise ValueError("the Vendi score is of one or more features, none of them zero")
    x = x / lengths
    # The smaller of the two Gram matrices has the same eigenvalues but for zeros.
    gram = x @ x.T if len(x) <= x.shape[1] else x.T @ x
    values = torch.linalg.eigvalsh(gram / len(x)).clamp(min=0)
    return float(torch.special.entr(values).sum().exp())


def mean_distance(features: Tensor) -> float:
    """The mean Euclidean distance between two of the pictures.

    Raises:
        ValueError: There are fewer than two.
    """
    (x,) = _checked(features)
    return float(_mean_of_others(torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")))


def _checked(*features: Tensor, least: int = 2) -> list[Tensor]:
    if any(one.ndim != 2 or len(one) < least or one.shape[1] != features[0].shape[1] for one in features):
        shapes = " and ".join(str(tuple(one.shape)) for one in features)
        raise ValueError(f"expected features of {least} or more pictures, all of one length, got {shapes}")
    return [one.double() for one in features]


def _deviations(x: Tensor) -> Tensor:
    """Rows whose squares sum to the covariance."""
    scale: float = 1 / (len(x) - 1) ** 0.5
    return scale * (x - x.mean(0))


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _mean_of_others(matrix: Tensor) -> Tensor:
    """The mean of all entries off the diagonal."""
    return (matrix.sum() - matrix.trace()) / (len(matrix) * (len(matrix) - 1))


def _radii(x: Tensor, neighbours: int) -> Tensor:
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.kthvalue(neighbours + 1, dim=1).values  # the nearest is itself
