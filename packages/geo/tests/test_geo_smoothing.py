from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from nflows_geo.mapping import MARGIN, majority_filter


def slow_majority(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    filtered = np.zeros_like(classes)
    for (row, column), own in np.ndenumerate(classes):
        if own == 0:
            continue
        window = classes[max(row - MARGIN, 0) : row + MARGIN + 1, max(column - MARGIN, 0) : column + MARGIN + 1]
        counts = Counter(window[window > 0].tolist())
        most = [label for label, count in counts.items() if count == max(counts.values())]
        filtered[row, column] = own if own in most else min(most)
    return filtered


MAPS = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.sampled_from([0, 0, 1, 2, 3, 4, 255])
)


@settings(deadline=None)
@given(MAPS)
def test_it_is_the_majority_of_every_window(classes: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(majority_filter(classes), slow_majority(classes))


@settings(deadline=None)
@given(MAPS, st.permutations([1, 2, 3, 4, 255]))
def test_names_of_classes_matter_only_in_ties(classes: NDArray[np.uint8], names: list[int]) -> None:
    table = np.arange(256, dtype=np.uint8)
    table[[1, 2, 3, 4, 255]] = names
    renamed, expected = majority_filter(table[classes]), table[majority_filter(classes)]
    differ = renamed != expected
    assert all(_tied(classes, row, column) for row, column in np.argwhere(differ))


def _tied(classes: NDArray[np.uint8], row: int, column: int) -> bool:
    window = classes[max(row - MARGIN, 0) : row + MARGIN + 1, max(column - MARGIN, 0) : column + MARGIN + 1]
    (_, most), (_, next_most), *_ = Counter(window[window > 0].tolist()).most_common()
    return most == next_most


def test_a_lone_pixel_disappears_and_missing_ones_stay() -> None:
    classes = np.full((9, 9), 2, np.uint8)
    classes[4, 4], classes[0, 0] = 1, 0
    filtered = majority_filter(classes)
    assert filtered[4, 4] == 2
    assert filtered[0, 0] == 0


def test_a_part_with_its_margin_is_the_part_of_the_whole() -> None:
    classes = np.random.default_rng(0).integers(0, 5, (40, 17), np.uint8)
    above = majority_filter(classes[: 20 + MARGIN])[:20]
    below = majority_filter(classes[20 - MARGIN :])[MARGIN:]
    np.testing.assert_array_equal(np.concatenate([above, below]), majority_filter(classes))
