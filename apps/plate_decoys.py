"""Things on streets that look like plates and are none."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from plate_letters import Colour, put_text, random_font, word
from plate_vehicles import Pixels, body


def decoy(generator: np.random.Generator) -> Pixels:
    """Something that might be taken for a plate and is none."""
    kinds: Sequence[Callable[[np.random.Generator], Image.Image]] = (
        _sign, _sign, _shop, _stripes, _windows, _number, _display, _blank, _lettering, _print, _wheel, _lamp, _grille,
        _shadow,
    )  # fmt: skip
    chosen = int(generator.integers(len(kinds) + 1))
    if chosen == len(kinds):
        return body(int(generator.integers(100, 400)), int(generator.integers(60, 130)), generator)[0]
    return np.asarray(kinds[chosen](generator).convert("RGBA"))


def _colours(generator: np.random.Generator) -> tuple[Colour, Colour]:
    """A ground and an ink that differ."""
    ground = generator.integers(0, 256, 3)
    ink = (ground + generator.integers(90, 166, 3)) % 256
    return tuple(ground.tolist()), tuple(ink.tolist())


def _sign(generator: np.random.Generator) -> Image.Image:
    """Several lines of words, as on signs of directions and names of streets."""
    ground, ink = _colours(generator)
    if generator.random() < 0.5:
        ground, ink = (
            ((20, 60, 160), (245, 245, 245)),
            ((250, 210, 30), (10, 10, 10)),
            ((245, 245, 245), (10, 10, 10)),
        )[generator.integers(3)]
    lines = int(generator.integers(2, 5))
    image = Image.new("RGB", (int(generator.integers(150, 400)), 60 * lines), ground)
    for line in range(lines):
        text = " ".join(
            word(generator, string.ascii_lowercase, int(generator.integers(3, 10))).capitalize() for _ in range(2)
        )
        right = generator.uniform(0.5, 0.95)
        put_text(image, text, (0.05, (line + 0.2) / lines, right, (line + 0.8) / lines), ink, random_font(generator))
    return image


def _shop(generator: np.random.Generator) -> Image.Image:
    """One long line in small letters over a shop."""
    ground, ink = _colours(generator)
    image = Image.new("RGB", (int(generator.integers(500, 900)), 90), ground)
    words = [
        word(generator, string.ascii_lowercase, int(generator.integers(4, 12)))
        for _ in range(int(generator.integers(2, 4)))
    ]
    put_text(image, " ".join(words), (0.05, 0.2, 0.95, 0.85), ink, random_font(generator))
    return image


def _stripes(generator: np.random.Generator) -> Image.Image:
    """A grille, a crossing, a barrier."""
    ground, ink = _colours(generator)
    image = Image.new("RGB", (int(generator.integers(150, 450)), 90), ground)
    step, slant = int(generator.integers(8, 50)), int(generator.choice([0, 0, 40]))
    draw = ImageDraw.Draw(image)
    if generator.random() < 0.4:
        for y in range(0, 90, step):
            draw.line((0, y, image.width, y), fill=ink, width=step // 2)
    else:
        for x in range(-50, image.width, step):
            draw.line((x, 0, x + slant, 90), fill=ink, width=step // 2)
    return image


def _windows(generator: np.random.Generator) -> Image.Image:
    """Panes in a row or a grid."""
    ground, ink = _colours(generator)
    columns, rows = int(generator.integers(2, 8)), int(generator.integers(1, 4))
    image = Image.new("RGB", (70 * columns, 90 * rows), ground)
    for x in range(columns):
        for y in range(rows):
            ImageDraw.Draw(image).rectangle((70 * x + 8, 90 * y + 8, 70 * x + 60, 90 * y + 80), fill=ink)
    return image


def _number(generator: np.random.Generator) -> Image.Image:
    """A number in a disc or a square: of a house, a bus, a speed."""
    ground, ink = _colours(generator)
    image = Image.new("RGB", (110, 110), tuple(generator.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(image)
    (draw.ellipse if generator.random() < 0.6 else draw.rectangle)((5, 5, 105, 105), fill=ground, outline=ink, width=9)
    put_text(
        image,
        word(generator, string.digits, int(generator.integers(1, 4))),
        (0.25, 0.3, 0.75, 0.7),
        ink,
        random_font(generator),
    )
    return image


def _display(generator: np.random.Generator) -> Image.Image:
    """The line and the end of a bus, in lamps."""
    image = Image.new("RGB", (int(generator.integers(300, 500)), 90), (12, 12, 12))
    end = word(generator, string.ascii_lowercase, int(generator.integers(5, 11))).capitalize()
    text = f"{word(generator, string.digits, 2)} {end}"
    put_text(image, text, (0.05, 0.2, 0.95, 0.8), (255, int(generator.integers(120, 210)), 20), random_font(generator))
    return image


def _blank(generator: np.random.Generator) -> Image.Image:
    """A board of a plate's shape with nothing on it, or with edges alone."""
    shade = tuple(np.clip(generator.integers(150, 256) + generator.integers(-20, 20, 3), 0, 255).tolist())
    image = Image.new("RGB", (int(generator.integers(120, 480)), 96), shade)
    if generator.random() < 0.5:
        ImageDraw.Draw(image).rectangle((2, 2, image.width - 3, 93), outline=_colours(generator)[1], width=4)
    return image


def _lettering(generator: np.random.Generator) -> Image.Image:
    """A word on a vehicle, larger than its ground: letters from edge to edge and beyond."""
    ground, ink = _colours(generator)
    image = Image.new("RGB", (int(generator.integers(200, 500)), 100), ground)
    text = word(generator, string.ascii_letters, int(generator.integers(3, 7)))
    put_text(image, text, (-0.2, -0.1, 1.2, generator.uniform(0.8, 1.3)), ink, random_font(generator))
    return image


def _print(generator: np.random.Generator) -> Image.Image:
    """A word without a ground of its own, maybe with an outline: on clothes, vans and windows."""
    outer, inner = _colours(generator)
    image = Image.new("RGBA", (int(generator.integers(200, 450)), 100))
    text, font = word(generator, string.ascii_uppercase, int(generator.integers(2, 8))), random_font(generator)
    put_text(image, text, (0.02, 0.04, 0.98, 0.96), outer, font)
    if generator.random() < 0.5:
        put_text(image, text, (0.03, 0.1, 0.97, 0.9), inner, font)
    return image


def _wheel(generator: np.random.Generator) -> Image.Image:
    """A tyre and a rim with spokes."""
    image = Image.new("RGBA", (200, 200))
    draw, shade = ImageDraw.Draw(image), int(generator.integers(60, 240))
    draw.ellipse((0, 0, 199, 199), fill=(20, 20, 22, 255))
    radius = generator.uniform(55, 80)
    draw.ellipse((100 - radius, 100 - radius, 100 + radius, 100 + radius), fill=(35, 35, 40, 255))
    count, start = int(generator.integers(4, 13)), generator.uniform(0, 6)
    for angle in start + np.arange(count) * 2 * np.pi / count:
        end = 100 + radius * np.cos(angle), 100 + radius * np.sin(angle)
        draw.line((100, 100, *end), fill=(shade, shade, shade, 255), width=int(generator.integers(4, 18)))
    draw.ellipse((85, 85, 115, 115), fill=(shade, shade, shade, 255))
    return image


def _lamp(generator: np.random.Generator) -> Image.Image:
    """Bright spots in a housing: of a street, or of a car."""
    width, height = int(generator.integers(100, 260)), int(generator.integers(80, 140))
    image = Image.new("RGBA", (width, height))
    draw, shade = ImageDraw.Draw(image), int(generator.integers(30, 200))
    draw.rounded_rectangle((0, 0, width - 1, height - 1), int(generator.integers(5, 60)), fill=(shade,) * 3 + (255,))
    for _ in range(int(generator.integers(1, 5))):
        x, y, radius = (
            generator.uniform(0.2, 0.8) * width,
            generator.uniform(0.2, 0.8) * height,
            generator.uniform(8, 35),
        )
        spot = tuple(generator.integers(200, 256, 3).tolist())
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*spot, 255))
    return image.filter(ImageFilter.GaussianBlur(generator.uniform(0, 6)))


def _grille(generator: np.random.Generator) -> Image.Image:
    """The mesh before a radiator, with the maker's badge or without."""
    width, height, step = (
        int(generator.integers(200, 450)),
        int(generator.integers(90, 180)),
        int(generator.integers(8, 26)),
    )
    image, shade = Image.new("RGB", (width, height), (15, 15, 18)), int(generator.integers(60, 220))
    draw = ImageDraw.Draw(image)
    for row, y in enumerate(range(0, height, step)):
        for x in range(step // 2 * (row % 2), width, step):
            draw.rectangle((x, y, x + step // 2, y + step // 3), fill=(shade,) * 3)
    if generator.random() < 0.6:
        radius, middle = 0.3 * height, (width / 2, height / 2)
        badge = middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius
        draw.ellipse(badge, fill=(25, 25, 28), outline=(210,) * 3, width=7)
        draw.line((middle[0], badge[1], middle[0], badge[3]), fill=(210,) * 3, width=6)
    return image


def _shadow(generator: np.random.Generator) -> Image.Image:
    """A patch with corners that lies in the shade, or in the sun."""
    image = Image.new("RGBA", (300, 200))
    corners = generator.uniform(0, 1, (int(generator.integers(3, 6)), 2)) * (300, 200)
    about = corners - corners.mean(0)
    order = np.argsort(np.arctan2(about[:, 1], about[:, 0]))
    shade, cover = int(generator.choice([0, 255])), int(generator.integers(40, 180))
    ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners[order].tolist()], fill=(shade,) * 3 + (cover,))
    return image
