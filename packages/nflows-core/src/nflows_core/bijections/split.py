r"""Factoring out half of the channels at the end of a level."""

from __future__ import annotations

from nflows_core.bijections.base import Shape
from nflows_core.bijections.coupling import ConditionalAffine, halves
from nflows_core.bijections.coupling_network import ContextConv2d, zero_initialized


class Split(ConditionalAffine):
    r"""Normalizes the last channels by a Gaussian conditioned on the first.

    .. math:: z_1 = x_1, \qquad z_2 = \frac{x_2 - \mu(x_1)}{\sigma(x_1)}

    A standard normal :math:`z_2` makes :math:`x_2` given :math:`x_1` the Gaussian
    :math:`N(\mu(x_1), \sigma(x_1)^2)` of Glow's split prior. It is `ConditionalAffine` with :math:`t = -\mu`,
    :math:`s = -\log \sigma`, from one convolution 3 x 3 that starts at zero; `Flow` takes :math:`z_2` out.

    Arguments:
        shape: The event shape :math:`(C, H, W)`, with at least two channels.
        context_features: Entries of a context; 0 without one.
    """

    def __init__(self, shape: Shape, context_features: int = 0) -> None:
        kept, factored = halves(shape)
        network = ContextConv2d(kept, 2 * factored, 3, context_features)
        super().__init__(shape, kept, zero_initialized(network))

    @property
    def latent_shape(self) -> Shape:
        """The event shape of :math:`z_2`."""
        return self.shape[0] - self.kept, *self.shape[1:]
