"""The tables of docs/deblurring.md are those of the kept measurements."""

from __future__ import annotations

import json

import pytest
import reproduce_deblurring as application
from deblurring import deblur
from deblurring_kernels import kernel
from PIL import Image


def kept() -> dict[str, list[application.Row]]:
    report: dict[str, list[application.Row]] = json.loads(application.KEPT.read_text(encoding="utf-8"))
    return report


@pytest.mark.parametrize("name", application.tables())
def test_the_document_shows_what_was_measured(name: str) -> None:
    text = application.DOCUMENT.read_text(encoding="utf-8")
    shown = text.partition(f"<!-- table {name} -->\n")[2].partition(f"<!-- end of table {name} -->")[0]
    assert shown == application.tables()[name]


def test_everything_was_measured() -> None:
    rows = [(row["kernel"], row["noise"], row["picture"]) for row in kept()["recorded"]]
    assert rows == [
        (name, noise, picture)
        for name in application.KERNELS
        for noise in application.RECORDINGS
        for picture in application.PICTURES
    ]


def test_measured_again_it_is_the_same() -> None:
    row = next(
        row for row in kept()["recorded"] if (row["kernel"], row["noise"], row["picture"]) == ("lag", "σ = 1", "camera")
    )
    again = deblur(application.photograph("camera"), kernel("lag", 15), application.RECORDINGS["σ = 1"]).rows
    for one, other in zip(again, row["rows"], strict=True):
        assert one["psnr"] == pytest.approx(other["psnr"], abs=0.01)
        assert one["ssim"] == pytest.approx(other["ssim"], abs=1e-4)


def test_its_picture_shows_three_blurs_and_what_became_of_them() -> None:
    with Image.open(application.DRAWING) as drawing:
        assert drawing.size == (5 * 192 + 4 * 4, 3 * 192)
    assert f"images/{application.DRAWING.name}" in application.DOCUMENT.read_text(encoding="utf-8")
