r"""Trading resolution for channels."""

from __future__ import annotations

from torch import Tensor

from nflows_core.bijections.base import Bijection, Shape, check_shape


class Squeeze(Bijection):
    r"""Turns every block of 2 x 2 pixels into channels: :math:`(C, H, W) \to (4 C, H / 2, W / 2)`.

    The four pixels of a channel become four neighboring channels, row by row (Dinh et al. 2017, section 3.6). The
    log-determinant is zero.

    Arguments:
        shape: The event shape :math:`(C, H, W)`, height and width even.
    """

    def __init__(self, shape: Shape) -> None:
        channels, height, width = check_shape(shape)
        if height % 2 or width % 2:
            raise ValueError(
                f"Squeeze: height and width must be even, got {height} x {width}; crop or pad the images, or "
                "choose fewer levels"
            )
        super().__init__(shape, (4 * channels, height // 2, width // 2))

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        channels, height, width = self.shape
        blocks = x.reshape(x.shape[0], channels, height // 2, 2, width // 2, 2).permute(0, 1, 3, 5, 2, 4)
        return blocks.reshape(x.shape[0], *self.output_shape), x.new_zeros(x.shape[0])

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        channels, height, width = self.shape
        blocks = z.reshape(z.shape[0], channels, 2, 2, height // 2, width // 2).permute(0, 1, 4, 2, 5, 3)
        return blocks.reshape(z.shape[0], *self.shape)
