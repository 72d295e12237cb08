"""What a fill is: what is put in the place of a region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from nflows_privacy.masks import Rectangle


class Fill(Protocol):
    """Makes pixels that show no more what was there; settings make one (`nflows_privacy.fills.load_fill`)."""

    def __call__(
        self, pixels: NDArray[Any], rectangles: Sequence[Rectangle], seed: int, kinds: Sequence[str] | None = None
    ) -> NDArray[Any]:
        """The picture with its rectangles filled; outside of them it is bit-identical, whatever the method does.

        Alpha that varies within a rectangle becomes opaque there, since it may draw what the colours do not.

        Rectangles that overlap are filled as one thing: nothing of what is below either shows. What is in one depends
        on the picture around it at most, and on others only where these hide that.

        Arguments:
            pixels: The picture, :math:`(H, W, C)`, uint8 or uint16: grey, RGB, and alpha last where there is some. It
                is not changed.
            rectangles: The parts to fill, inside of the picture.
            seed: The seed of what is random, the same for all frames of a video.
            kinds: The kind of region that each rectangle is of, such as ``face``, for a way that asks a network for it.

        Raises:
            ValueError: The pixels are of another shape or type, or a rectangle is empty or not inside of them.
        """
