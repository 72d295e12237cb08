"""Where a picture is cracked: by the network that comes with the package, or by ridges alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.filters import apply_hysteresis_threshold
from torch import Tensor

from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.tiles import Tiling
from nflows_heritage import shipped
from nflows_heritage.masks.colour import Mask, without_specks
from nflows_heritage.masks.network import CrackNetwork
from nflows_heritage.masks.ridges import RidgeFilter
from nflows_heritage.masks.runs import Run, load_network, read_run

SHIPPED = shipped.FOLDER / "cracks"
_TILE = 512
_WEAK = 0.3
"""Beside a sure pixel, one is marked whose probability is this part of the threshold."""
_LEAST = 80
"""The pixels of a crack, at least: what is smaller is more often a twig, a hair or a stroke."""


class CrackFinder:
    """Finds cracks, dark and light, by a trained network.

    Arguments:
        folder: The folder of its run.

    Raises:
        RunError: The folder is no run of a crack finder.
        CheckpointError: Its weights cannot be read.
    """

    def __init__(self, folder: Path = SHIPPED) -> None:
        self.run: Run = read_run(folder)
        self.network: CrackNetwork = load_network(folder, self.run).requires_grad_(False)

    def __call__(self, pixels: NDArray[Any]) -> Mask:
        """Where a picture is cracked, :math:`(H, W)`.

        Arguments:
            pixels: The picture :math:`(H, W, C)` of 8 or 16 bits, grey or RGB, without alpha.
        """
        return marked(self.probabilities(pixels), 255 * self.run.threshold)

    def probabilities(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        """How surely each pixel is damaged, :math:`(H, W)`, 255 is one; tile by tile."""
        most, reach = np.iinfo(pixels.dtype).max, self.network.reach
        image = torch.from_numpy(np.require(pixels, requirements="W")).permute(2, 0, 1)

        def of_tile(tile: Tensor) -> Tensor:
            return torch.sigmoid(self.network(tile[None].float() / most)[0])

        tiling = Tiling(_TILE, 2 * reach, margin=reach)
        strips = (strip[0].mul(255).round().byte().numpy() for strip in tiling.strips(of_tile, image))
        return np.concatenate(list(strips))


def marked(values: NDArray[Any], threshold: float) -> Mask:
    """Pixels above a threshold, with the less sure ones that hang together with them, but for specks."""
    return without_specks(apply_hysteresis_threshold(values, _WEAK * threshold, threshold), _LEAST)


def ridge_response(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """How much each pixel looks like a line, dark or light, :math:`(H, W)`; see `RidgeFilter`."""
    samples = torch.from_numpy((pixels / np.iinfo(pixels.dtype).max).astype(np.float32)).permute(2, 0, 1)
    response: NDArray[np.float32] = RidgeFilter()(samples[None])[0].amax(0).numpy()
    return response


def ridge_cracks(pixels: NDArray[Any], threshold: float) -> Mask:
    """What ridges alone take for a crack, with which the network is compared.

    Arguments:
        pixels: The picture :math:`(H, W, C)` of 8 or 16 bits, grey or RGB, without alpha.
        threshold: The response from which on a pixel is sure.
    """
    return marked(ridge_response(pixels), threshold)


@keeps_one
def load_finder(folder: Path) -> CrackFinder:
    """The finder of a folder, kept in memory."""
    return CrackFinder(folder)
