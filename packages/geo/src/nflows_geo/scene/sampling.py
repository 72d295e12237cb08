"""Random pixels of a scene that is too large to look at as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from nflows_geo.raster import Tile
from nflows_geo.scene.random_pixels import NoValidPixelError, sample_pixels
from nflows_geo.scene.scene import Scene
from nflows_geo.spectra import SURROUNDINGS, Sample, margin, valid_pixels, with_surroundings

FITTED = 20_000
"""Random pixels that reduction and clustering are fitted to."""

SCORED = 100_000
"""Random pixels that scores are computed from."""

_SIDE = 256
_ENOUGH = 2**21
"""Valid pixels that the sample is drawn from: a small scene's all, a large one's in random squares."""

Layers = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Makes other layers, :math:`(D, H, W)`, of a block, :math:`(C, H, W)`."""


def draw_sample(scene: Scene, sigma: float, seed: int) -> Sample:
    """Spectra of a scene that is blurred by so many pixels and their surroundings, of random pixels.

    Raises:
        NoValidPixelError: No pixel is valid.
    """
    return Sample.split(
        draw_pixels(scene, FITTED, margin(SURROUNDINGS), seed, lambda block: with_surroundings(block, sigma))
    )


def sample_spectra(scene: Scene, seed: int, count: int = SCORED) -> NDArray[np.float32]:
    """Spectra of at most so many random pixels of a scene, :math:`(N, C)`, in random order.

    Raises:
        NoValidPixelError: No pixel is valid.
    """
    return draw_pixels(scene, count, 0, seed, lambda block: block)


def draw_pixels(scene: Scene, count: int, margin: int, seed: int, layers: Layers) -> NDArray[np.float32]:
    """Layers at random valid pixels, :math:`(N, D)`, made from blocks with a margin; see `sample_pixels`.

    Raises:
        NoValidPixelError: No pixel is valid.
    """
    try:
        return sample_pixels(_squares(scene, margin, seed, layers), scene.grid.width, count, seed)
    except NoValidPixelError as error:
        raise NoValidPixelError(f"{scene.name}: {error}") from error


def _squares(scene: Scene, margin: int, seed: int, layers: Layers) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
    """Random squares until there are enough valid pixels in them."""
    tiles = list(scene.grid.tiles(_SIDE, margin))
    pixels = 0
    with scene.opened() as opened:
        for index in np.random.default_rng(seed).permutation(len(tiles)):
            block = tiles[index].crop(layers(opened.read(tiles[index].padded)))
            yield tiles[index], block
            pixels += int(valid_pixels(block).sum())
            if pixels >= _ENOUGH:
                return
