r"""A flow for the densities of features: vectors, or maps of them."""

from __future__ import annotations

import torch

from nflows_core.bijections import (
    ActNorm,
    AdditiveCoupling,
    Bijection,
    Composition,
    ConditionalShift,
    InvertibleConv2d,
    Permutation,
    PointwiseNetwork,
)
from nflows_core.bijections.base import Shape, check_count, check_shape
from nflows_core.bijections.coupling import halves
from nflows_core.flow import Flow
from nflows_core.models.presets import LEVEL_AMPLIFICATION, MAX_AMPLIFICATION, bound_of_one, corner_of


class FeatureFlow(Flow):
    r"""A flow whose Jacobian determinant is one number, for features: any real numbers, continuous.

    .. math:: \log p(x) = -\tfrac{1}{2} \|f(x)\|^2 + \text{const}

    A likelihood is a distance in latent space, and nothing gets a high one because the flow happens to contract there,
    as with other couplings, which find some images of what they have never seen likelier than their own (Nalisnick et
    al. 2019, section 5). A step is a random `Permutation` of the channels, an `InvertibleConv2d`, whose anchors are
    unit triangular, and an additive coupling (Dinh et al. 2014); an `ActNorm` ends the flow and alone scales. Vectors,
    which are maps of one place, need no convolution, and have a `PointwiseNetwork` in their couplings. Before a
    training the flow permutes, and its convolutions are near the identity.

    Train it with `VectorLikelihood`. It takes no context, and no pixels: what is added to these to make them continuous
    is not its affair.

    Arguments:
        shape: Channels, two at least, height and width of a map; height and width of vectors are 1.
        depth: The number of steps.
        width: Hidden channels of the coupling networks.
        kernel_size: Height and width of the convolutions' kernels.
    """

    def __init__(self, shape: Shape, depth: int = 6, width: int = 64, kernel_size: int = 3) -> None:
        shape = check_shape(shape)
        depth, width = check_count("depth", depth), check_count("width", width)
        make = _step_of_vectors if shape[1:] == (1, 1) else _step_of_maps
        steps = [bijection for index in range(depth) for bijection in make(index, depth, shape, width, kernel_size)]
        super().__init__([Composition([*steps, ActNorm(shape)])])
        self.arguments = {"shape": shape, "depth": depth, "width": width, "kernel_size": kernel_size}


def _step_of_vectors(index: int, depth: int, shape: Shape, width: int, kernel_size: int) -> list[Bijection]:
    kept, changed = halves(shape)
    permutation = Permutation(shape, torch.randperm(shape[0]).tolist())
    return [permutation, ConditionalShift(shape, kept, PointwiseNetwork(kept, changed, width))]


def _step_of_maps(index: int, depth: int, shape: Shape, width: int, kernel_size: int) -> list[Bijection]:
    bound = bound_of_one(MAX_AMPLIFICATION, LEVEL_AMPLIFICATION, depth)
    return [
        Permutation(shape, torch.randperm(shape[0]).tolist()),
        InvertibleConv2d(shape, kernel_size, corner_of(index), bound),
        AdditiveCoupling(shape, width),
    ]
