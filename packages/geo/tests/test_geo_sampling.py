from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo_files import make_grid
from nflows_geo.raster import Tile
from nflows_geo.scene.random_pixels import sample_pixels

WIDTH, HEIGHT = 37, 23


def scene(invalid: float = 0.3) -> NDArray[np.float32]:
    """A scene [2, H, W] in which every valid pixel is its own number, and some are not valid."""
    pixels = np.arange(WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH)
    values = np.stack([pixels, -pixels])
    values[1, np.random.default_rng(0).random((HEIGHT, WIDTH)) < invalid] = np.nan
    return values


def blocks(values: NDArray[np.float32], size: int) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
    for tile in make_grid(WIDTH, HEIGHT).tiles(size):
        yield tile, values[:, *tile.core.toslices()]


@settings(deadline=None, max_examples=30)
@given(st.integers(4, 40), st.integers(1, 900), st.integers(0, 2**31))
def test_a_sample_does_not_depend_on_the_blocks(size: int, count: int, seed: int) -> None:
    values = scene()
    expected = sample_pixels(blocks(values, 40), WIDTH, count, seed)
    reverse = reversed(list(blocks(values, size)))
    assert sample_pixels(blocks(values, size), WIDTH, count, seed).tobytes() == expected.tobytes()
    assert sample_pixels(reverse, WIDTH, count, seed).tobytes() == expected.tobytes()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 900), st.integers(0, 2**31))
def test_a_sample_is_drawn_without_replacement(count: int, seed: int) -> None:
    values = scene()
    valid = np.isfinite(values[1]).sum()
    sample = sample_pixels(blocks(values, 10), WIDTH, count, seed)
    assert sample.shape == (min(count, valid), 2)
    assert np.isfinite(sample).all()
    assert len(np.unique(sample[:, 0])) == len(sample)


def test_every_pixel_is_drawn_alike() -> None:
    draws, count = 2000, 100
    values = scene(0)
    drawn = np.concatenate([sample_pixels(blocks(values, 40), WIDTH, count, seed)[:, 0] for seed in range(draws)])
    counts = np.bincount(drawn.astype(int), minlength=WIDTH * HEIGHT)
    share = count / (WIDTH * HEIGHT)
    # Chi-square with as many degrees of freedom as pixels less one, five standard deviations.
    statistic = ((counts - draws * share) ** 2).sum() / (draws * share * (1 - share))
    assert abs(statistic - WIDTH * HEIGHT) < 5 * np.sqrt(2 * WIDTH * HEIGHT)


def test_the_order_is_random() -> None:
    # The first half of a sample of all is no more in the north than the second.
    sample = sample_pixels(blocks(scene(0), 10), WIDTH, WIDTH * HEIGHT, 0)[:, 0]
    halves = np.array_split(sample, 2)
    assert abs(halves[0].mean() - halves[1].mean()) < 4 * sample.std() * 2 / np.sqrt(len(sample))


def test_seeds_differ() -> None:
    samples = {sample_pixels(blocks(scene(), 40), WIDTH, 10, seed).tobytes() for seed in range(20)}
    assert len(samples) == 20


def test_nothing_valid() -> None:
    with pytest.raises(ValueError, match="no pixel is valid"):
        sample_pixels(blocks(scene(2), 10), WIDTH, 10, 0)
