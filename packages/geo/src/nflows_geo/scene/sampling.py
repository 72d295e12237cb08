"""Random pixels of a scene that is too large to look at as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from nflows_geo.raster.grid import Tile
from nflows_geo.scene.random_pixels import sample_pixels
from nflows_geo.scene.scene import Scene
from nflows_geo.spectra.neighbourhood import SURROUNDINGS, Sample, margin, with_surroundings

FITTED = 20_000
"""Random pixels that reduction and clustering are fitted to."""

SCORED = 100_000
"""Random pixels that scores are computed from."""

_SIDE = 256
_ENOUGH = 2**21
"""Valid pixels that the sample is drawn from: a small scene's all, a large one's in random squares."""


def draw_sample(scene: Scene, sigma: float, seed: int) -> Sample:
    """Spectra of a blurred scene and their surroundings, of random pixels.

    Raises:
        ValueError: No pixel is valid.
    """
    return Sample.split(
        draw_pixels(scene, FITTED, margin(SURROUNDINGS), seed, lambda block: with_surroundings(block, sigma))
    )


def sample_spectra(scene: Scene, seed: int) -> NDArray[np.float32]:
    """Spectra of random pixels of a scene, (N, bands), of which one must be valid."""
    return draw_pixels(scene, SCORED, 0, seed, lambda block: block)


def draw_pixels(
    scene: Scene, count: int, margin: int, seed: int, layers: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Layers at random valid pixels, (N, C), made from blocks with a margin.

    Raises:
        ValueError: No pixel is valid.
    """
    try:
        return sample_pixels(_squares(scene, margin, seed, layers), scene.grid.width, count, seed)
    except ValueError as error:
        raise ValueError(f"{scene.name}: {error}; `nflows geo info` counts them by band") from error


def _squares(
    scene: Scene, margin: int, seed: int, layers: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
    """Random squares until there are enough valid pixels in them."""
    tiles = list(scene.grid.tiles(_SIDE, margin))
    pixels = 0
    for index in np.random.default_rng(seed).permutation(len(tiles)):
        block = tiles[index].crop(layers(scene.read(tiles[index].padded)))
        yield tiles[index], block
        pixels += int(np.isfinite(block[0]).sum())
        if pixels >= _ENOUGH:
            return
