r"""k x k convolutions with a tractable inverse, from `invconv`."""

from __future__ import annotations

from torch import Tensor

from invconv import nn as invconv_nn
from nflows_core.bijections.base import Bijection, Shape, check_shape

Corner = str | tuple[str, ...]
"""Where the zeros stand, as in `invconv`: "tl", "tr", "bl", "br", or one for each group of channels."""


class _Convolution(Bijection):
    def __init__(self, shape: Shape, conv: invconv_nn.InvertibleConv2d | invconv_nn.InverseConv2d) -> None:
        super().__init__(shape)
        self.conv = conv

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        logdet = self.conv.logabsdet(self.shape[1:])
        return self.conv(x), logdet.expand(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return self.conv.inverse(z)


class InvertibleConv2d(_Convolution):
    r"""A k x k convolution padded at one corner, inverted by substitution (Nagar 2025, chapter 2).

    Fast from data to latent; from latent to data it solves a triangular system.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kernel_size: Height and width of the kernel.
        corner: The corner of the image where the zeros stand and the recursion starts.
        max_amplification: The bound on how much a value of an image grows in the inverse, whatever the parameters are;
            without one, the inverse of a large kernel can be as large as the image's size lets it.
    """

    def __init__(
        self, shape: Shape, kernel_size: int = 3, corner: Corner = "tl", max_amplification: float | None = None
    ) -> None:
        conv = invconv_nn.InvertibleConv2d(check_shape(shape)[0], kernel_size, corner, max_amplification)
        super().__init__(shape, conv)


class InverseConv2d(_Convolution):
    r"""The inverse of a k x k convolution as the layer itself (Nagar 2025, chapter 3: Inverse-Flow).

    Fast from latent to data, where it is a convolution: for a flow whose samples matter.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kernel_size: Height and width of the kernel.
        corner: The corner of the image where the zeros stand and the recursion starts.
        max_amplification: The bound of `InvertibleConv2d`, here on the forward direction.
    """

    def __init__(
        self, shape: Shape, kernel_size: int = 3, corner: Corner = "tl", max_amplification: float | None = None
    ) -> None:
        conv = invconv_nn.InverseConv2d(check_shape(shape)[0], kernel_size, corner, max_amplification)
        super().__init__(shape, conv)
