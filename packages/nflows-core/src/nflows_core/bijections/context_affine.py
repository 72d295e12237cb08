r"""The top of a conditional flow: a Gaussian that depends on the context."""

from __future__ import annotations

from torch import Tensor, nn

from nflows_core.bijections.base import Shape, check_shape
from nflows_core.bijections.context import ContextLinear
from nflows_core.bijections.coupling import ConditionalAffine
from nflows_core.bijections.coupling_network import zero_initialized


class ContextAffine(ConditionalAffine):
    r"""Scales and shifts each channel, given the context :math:`c` alone.

    .. math:: z = (x + A c) \, e^{s}, \qquad s = 2 \tanh(B c / 2), \qquad \log |\det J| = H W \sum_k s_k

    with the sum over the channels of a vector's scales; of a map, :math:`c` is what `ContextLinear` takes for a pixel,
    and the sum is over all pixels. A standard normal :math:`z` makes each pixel of :math:`x` the Gaussian
    :math:`N(-A c, e^{-2 s})`: the learned prior of Glow's conditional models ("learn_top" in the code of Kingma &
    Dhariwal 2018), as a bijection. It starts as the identity.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        context_features: Entries of a context, at least one.
    """

    def __init__(self, shape: Shape, context_features: int) -> None:
        if not isinstance(context_features, int) or context_features < 1:
            raise ValueError(f"ContextAffine: needs a context of at least one entry, got {context_features!r}")
        super().__init__(shape, 0, _ContextAlone(context_features, 2 * check_shape(shape)[0]))


class _ContextAlone(nn.Module):
    def __init__(self, context_features: int, channels: int) -> None:
        super().__init__()
        self.linear = zero_initialized(ContextLinear(context_features, channels))

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        y: Tensor = self.linear(x, context)
        return y.expand(-1, -1, *x.shape[2:])
