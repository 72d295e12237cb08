"""Letters in the fonts that come with matplotlib."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]


_FONTS = (
    "DejaVuSans-Bold",
    "DejaVuSans-Bold",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono",
    "DejaVuSans",
    "STIXGeneralBol",
    "DejaVuSans-Oblique",
)


def word(generator: np.random.Generator, letters: str, length: int) -> str:
    """Random letters."""
    return "".join(generator.choice(list(letters), length))


def put_text(
    image: Image.Image,
    text: str,
    place: tuple[float, float, float, float],
    ink: Colour,
    font: str,
    squeeze: bool = True,
) -> None:
    """Writes a text that fills a place, as fractions of the picture: left, top, right, bottom."""
    width, height = image.size
    left, top, right, bottom = place[0] * width, place[1] * height, place[2] * width, place[3] * height
    typeface = _font(font, max(8, int(1.4 * (bottom - top))))
    box = typeface.getbbox(text)
    mask = Image.new("L", (max(1, int(box[2] - box[0])), max(1, int(box[3] - box[1]))))
    ImageDraw.Draw(mask).text((-box[0], -box[1]), text, fill=255, font=typeface)
    size = [right - left, bottom - top]
    if not squeeze:
        factor = min(size[0] / mask.width, size[1] / mask.height)
        size = [mask.width * factor, mask.height * factor]
    mask = mask.resize((max(1, round(size[0])), max(1, round(size[1]))), Image.Resampling.BILINEAR)
    corner = round((left + right - mask.width) / 2), round((top + bottom - mask.height) / 2)
    image.paste(ink, (*corner, corner[0] + mask.width, corner[1] + mask.height), mask)


def random_font(generator: np.random.Generator) -> str:
    return str(generator.choice(_FONTS))


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf", f"{name}.ttf"), size)
