"""A detector that looks at pictures whichever way up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nflows_core.runtime.images import read_picture
from nflows_privacy.detection import Look
from nflows_privacy.detection.turned import Turned, turned_back
from nflows_privacy.detection.yunet import YuNet
from nflows_privacy.regions import Box
from square_detector import RED, Squares


@pytest.mark.parametrize("quarters", range(4))
def test_a_box_of_a_turned_picture_is_where_its_pixels_are(quarters: int) -> None:
    pixels = np.zeros((30, 50, 3), np.uint8)
    pixels[4:9, 11:23] = RED
    (region,) = Squares()(np.ascontiguousarray(np.rot90(pixels, quarters)), Look.THOROUGH)
    assert turned_back(region.box, 30, 50, quarters) == Box(11, 4, 23, 9)


def test_what_is_found_every_way_up_is_found_once() -> None:
    pixels = np.zeros((30, 50, 3), np.uint8)
    pixels[4:9, 11:23] = RED
    assert Turned(Squares())(pixels) == Squares()(pixels)


@pytest.mark.real_data
def test_a_face_that_lies_is_found_only_by_who_looks_for_it(yunet_weights: Path, data_folder: Path) -> None:
    pixels = np.ascontiguousarray(np.rot90(read_picture(data_folder / "privacy" / "coco01.jpg").pixels))
    yunet = YuNet(yunet_weights, 0.6)
    assert len(yunet(pixels)) < 2
    assert len(Turned(yunet)(pixels)) == 2
