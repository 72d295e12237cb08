"""The detector of plates that comes with the package."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nflows_privacy import shipped
from nflows_privacy.detection import DetectorSettings, Look, load_detector, names_for, weights_of
from nflows_privacy.detection.base import Detector
from nflows_privacy.regions import LEFT_SCORE, PLATE, Box, Region, boxes_array, iou
from nflows_privacy.training.runs import read_run

FOLDER = shipped.FOLDER / "plates"


def car(width: int, ground: tuple[int, int, int] = (245, 245, 245)) -> tuple[NDArray[np.uint8], Box]:
    """A picture with the dark back of a car, on which there is a plate of this width, and the plate's box."""
    scale = width / 520
    plate = Image.new("RGB", (520, 110), ground)
    draw = ImageDraw.Draw(plate)
    draw.rectangle((0, 0, 40, 110), fill=(20, 50, 150))
    draw.text((60, 5), "AB 1234 CD", (15, 15, 15), ImageFont.load_default(80))
    back = Image.new("RGB", (1100, 420), (50, 55, 70))
    ImageDraw.Draw(back).rectangle((0, 330, 1100, 345), fill=(20, 20, 20))
    ImageDraw.Draw(back).rectangle((20, 60, 200, 180), fill=(170, 20, 25))
    ImageDraw.Draw(back).rectangle((900, 60, 1080, 180), fill=(170, 20, 25))
    back.paste(plate, (290, 190))
    small = back.resize((round(1100 * scale), round(420 * scale)), Image.Resampling.LANCZOS)
    street = Image.new("RGB", (640, 480), (120, 125, 130))
    street.paste(small, (60, 120))
    box = Box(60 + 290 * scale, 120 + 190 * scale, 60 + 810 * scale, 120 + 300 * scale)
    return np.asarray(street), box


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(DetectorSettings(names_for([PLATE]), device="cpu"))


@pytest.mark.parametrize("width", [48, 96, 190])
@pytest.mark.parametrize("ground", [(245, 245, 245), (250, 205, 40)])
def test_a_plate_is_found_where_it_is(detector: Detector, width: int, ground: tuple[int, int, int]) -> None:
    pixels, box = car(width, ground)
    for look in Look:
        regions = detector(pixels, look)
        assert {region.kind for region in regions} == {PLATE}
        assert iou(boxes_array(regions), boxes_array([Region(box, PLATE)])).max() > 0.5, look


def test_a_plate_is_found_whatever_part_of_the_picture_it_is(detector: Detector) -> None:
    """Wide plates must be seen at two sizes: each size of them must."""
    pixels, box = car(96)
    for factor in (0.5, 1.0, 1.4, 2.0, 2.8, 4.0):
        size = round(640 * factor), round(480 * factor)
        enlarged = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
        there = boxes_array([Region(box.scaled(factor, factor), PLATE)])
        for look in Look:
            found = [region for region in detector(enlarged, look) if not region.faint]
            assert iou(boxes_array(found), there).max(initial=0) > 0.5, (factor, look)


def test_a_quick_look_marks_what_is_below_the_threshold_as_faint() -> None:
    pixels, _ = car(96)
    (sure,) = load_detector(DetectorSettings(("plates",), device="cpu"))(pixels, Look.QUICK)
    high = load_detector(DetectorSettings(("plates",), (1 + sure.score) / 2, "cpu"))
    (faint,) = [region for region in high(pixels, Look.QUICK) if region.box == sure.box]
    assert (sure.faint, faint.faint) == (False, True)
    assert high(pixels) == []


def test_who_hides_counts_what_would_count_as_left() -> None:
    told, hidden, asked = (
        load_detector(DetectorSettings(("plates",), threshold, to_hide=to_hide))
        for threshold, to_hide in ((None, False), (None, True), (0.9, True))
    )
    thresholds = [one.threshold for one in (told, hidden, asked)]  # type: ignore[attr-defined]
    assert thresholds == [read_run(FOLDER).threshold, LEFT_SCORE, 0.9]


def test_nothing_is_found_where_nothing_is(detector: Detector) -> None:
    assert detector(np.full((480, 640, 3), 120, np.uint8)) == []
    assert detector(np.full((3, 2, 3), 200, np.uint8)) == []


def test_it_is_small_and_its_card_says_how_it_was_made() -> None:
    assert weights_of(DetectorSettings(("plates",))) == {"plates": FOLDER}
    assert (FOLDER / "model.safetensors").stat().st_size < 4_000_000
    config = json.loads((FOLDER / "config.json").read_text())
    card = (FOLDER / "README.md").read_text()
    assert json.dumps(config["settings"]) in card
    assert f"score {config['threshold']} or more" in card
    assert "/" not in str(config["data"][0])
