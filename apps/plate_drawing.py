"""Licence plates that nobody has, drawn flat: shapes, colours and layouts of many countries, random letters."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from plate_letters import Colour, put_text, random_font, word

_HEIGHT = 96
"""The height in pixels of a long plate as it is drawn; what is pasted is smaller or hardly larger."""
_INKS: Sequence[tuple[Colour, Colour]] = (
    ((245, 245, 245), (15, 15, 20)),
    ((245, 245, 245), (15, 15, 20)),
    ((250, 205, 40), (15, 15, 15)),
    ((245, 245, 245), (20, 40, 130)),
    ((245, 245, 245), (10, 100, 50)),
    ((245, 245, 245), (190, 20, 30)),
    ((25, 60, 160), (245, 245, 245)),
    ((20, 20, 22), (225, 225, 225)),
    ((15, 110, 60), (240, 240, 240)),
    ((170, 220, 180), (20, 25, 20)),
    ((190, 25, 35), (245, 245, 245)),
)
"""Ground and letters: those that are common come first and twice."""


def draw_plate(generator: np.random.Generator) -> NDArray[np.uint8]:
    """A plate, :math:`(H, W, 3)`, as wide and high as its kind is, up to the pixels of its edge."""
    kinds: Sequence[tuple[float, Callable[[np.random.Generator], Image.Image]]] = (
        (0.40, _european), (0.08, _british), (0.16, _american), (0.08, _indian), (0.08, _japanese), (0.08, _two_rows),
        (0.06, _mercosur), (0.06, _any),
    )  # fmt: skip
    chosen = generator.choice(len(kinds), p=[weight for weight, _ in kinds])
    return np.asarray(kinds[chosen][1](generator).convert("RGB"))


def _european(generator: np.random.Generator) -> Image.Image:
    """520 x 110 mm: a blue strip at the left, maybe one at the right, seals between the groups."""
    ground, ink = _INKS[int(generator.choice(4, p=[0.5, 0.25, 0.2, 0.05]))]
    image = _plain(4.73, ground, generator)
    start, end = 0.03, 0.97
    if generator.random() < 0.75:
        start = _strip(image, 0.0, generator)
    if generator.random() < 0.2:
        end = 1 - _strip(image, 0.92, generator)
    text = _groups(generator, ((1, 3), (1, 3), (1, 4)))
    top = generator.uniform(0.1, 0.22)
    inner = generator.uniform(0.0, 0.05)
    put_text(image, text, (start + 0.02 + inner, top, end - 0.02 - inner, 1 - top), ink, random_font(generator))
    if generator.random() < 0.3:
        _seal(image, generator.uniform(0.3, 0.45), generator)
    return _bordered(image, ink, generator)


def _british(generator: np.random.Generator) -> Image.Image:
    """520 x 111 mm, white in front and yellow behind."""
    image = _plain(4.68, ((248, 248, 248), (250, 200, 20))[generator.integers(2)], generator)
    start = _strip(image, 0.0, generator) if generator.random() < 0.4 else 0.03
    text = f"{word(generator, string.ascii_uppercase, 2)}{word(generator, string.digits, 2)} " + word(
        generator, string.ascii_uppercase, 3
    )
    put_text(image, text, (start + 0.03, 0.14, 0.96, 0.86), (15, 15, 15), random_font(generator))
    return image


def _american(generator: np.random.Generator) -> Image.Image:
    """12 x 6 inches: a coloured or shaded ground, the state above, words below, holes for screws."""
    ground, ink = _INKS[int(generator.integers(len(_INKS)))]
    if generator.random() < 0.5:
        ground, ink = tuple(generator.integers(170, 256, 3).tolist()), tuple(generator.integers(0, 110, 3).tolist())
    image = _plain(2.0, ground, generator, height=130)
    if generator.random() < 0.5:
        _shade(image, generator)
    other = tuple(generator.integers(0, 256, 3).tolist())
    if generator.random() < 0.8:
        put_text(image, _name(generator), (0.25, 0.06, 0.75, 0.2), other, random_font(generator))
    if generator.random() < 0.6:
        put_text(image, _name(generator), (0.22, 0.83, 0.78, 0.94), other, random_font(generator))
    text = _groups(generator, ((1, 3), (3, 4)))
    put_text(image, text, (0.06, 0.27, 0.94, 0.78), ink, random_font(generator))
    return _bordered(_holes(image), ink, generator)


def _indian(generator: np.random.Generator) -> Image.Image:
    """500 x 120 mm, white, yellow or green, no strip or a small mark at the left."""
    ground, ink = _INKS[int(generator.choice([0, 2, 8]))]
    image = _plain(4.17, ground, generator)
    series = word(generator, string.ascii_uppercase, 2), word(generator, string.digits, 2)
    letters = word(generator, string.ascii_uppercase, int(generator.integers(1, 3)))
    text = " ".join((*series, letters, word(generator, string.digits, 4)))
    put_text(image, text, (0.07, 0.18, 0.97, 0.82), ink, random_font(generator))
    return _bordered(image, ink, generator)


def _japanese(generator: np.random.Generator) -> Image.Image:
    """330 x 165 mm: a place and a class above, four large digits below with a sign at their left."""
    ground, ink = _INKS[int(generator.choice([0, 2, 4, 8, 7]))]
    image = _plain(2.0, ground, generator, height=130)
    font = random_font(generator)
    put_text(
        image,
        word(generator, "ΓΔΘΛΞΠΣΦΨΩЖШЮЯ", 2) + " " + word(generator, string.digits, 3),
        (0.25, 0.08, 0.75, 0.32),
        ink,
        font,
    )
    put_text(image, word(generator, "ΓΔΘΛΞΠΣΦΨΩЖШЮЯ", 1), (0.04, 0.5, 0.14, 0.75), ink, font)
    number = f"{word(generator, string.digits, 2)}-{word(generator, string.digits, 2)}"
    put_text(image, number, (0.18, 0.38, 0.96, 0.92), ink, font)
    return _holes(image)


def _two_rows(generator: np.random.Generator) -> Image.Image:
    """Of motorcycles, lorries and four-wheel drives: two rows of letters, nearly square."""
    ground, ink = (
        _INKS[int(generator.choice(len(_INKS)))]
        if generator.random() < 0.3
        else _INKS[int(generator.choice([0, 2, 3]))]
    )
    image = _plain(generator.uniform(0.95, 1.7), ground, generator, height=150)
    font, middle = random_font(generator), generator.uniform(0.45, 0.55)
    start = _strip(image, 0.0, generator, 0.13) if generator.random() < 0.3 else 0.04
    for top, bottom in ((0.08, middle - 0.03), (middle + 0.03, 0.92)):
        side = generator.uniform(0.02, 0.2)
        text = _groups(generator, ((1, 3), (1, 3)))
        put_text(image, text, (start + side, top, 0.96 - side, bottom), ink, font)
    return _bordered(image, ink, generator)


def _mercosur(generator: np.random.Generator) -> Image.Image:
    """400 x 130 mm: a blue bar above with the country's name."""
    image = _plain(3.08, (246, 246, 246), generator)
    ImageDraw.Draw(image).rectangle((0, 0, image.width, int(0.24 * image.height)), fill=(20, 50, 150))
    put_text(image, _name(generator), (0.35, 0.05, 0.65, 0.2), (240, 240, 240), random_font(generator))
    put_text(image, _groups(generator, ((3, 3), (4, 4))), (0.05, 0.33, 0.95, 0.9), (15, 15, 15), random_font(generator))
    return _bordered(image, (15, 15, 15), generator)


def _any(generator: np.random.Generator) -> Image.Image:
    """Of no country: any shape from 2 to 5 times as wide as high, in any of the colours."""
    ground, ink = _INKS[int(generator.integers(len(_INKS)))]
    image = _plain(generator.uniform(2, 5), ground, generator)
    top = generator.uniform(0.1, 0.25)
    put_text(image, _groups(generator, ((1, 4), (2, 4))), (0.05, top, 0.95, 1 - top), ink, random_font(generator))
    return _bordered(image, ink, generator)


def _plain(ratio: float, ground: Colour, generator: np.random.Generator, height: int = _HEIGHT) -> Image.Image:
    colour = np.clip(np.array(ground) + generator.normal(0, 8, 3), 0, 255).astype(int)
    return Image.new("RGB", (round(ratio * height * generator.uniform(0.93, 1.07)), height), tuple(colour.tolist()))


def _groups(generator: np.random.Generator, lengths: Sequence[tuple[int, int]]) -> str:
    """Groups of letters or digits with a gap, a dash or a point between them."""
    alphabets = [(string.ascii_uppercase, string.digits)[generator.integers(2)] for _ in lengths]
    groups = [
        word(generator, one, int(generator.integers(low, high + 1)))
        for one, (low, high) in zip(alphabets, lengths, strict=True)
    ]
    return str(generator.choice([" ", " ", "-", "·", ""])).join(groups)


def _name(generator: np.random.Generator) -> str:
    return word(generator, string.ascii_uppercase + "  ", int(generator.integers(5, 12)))


def _strip(image: Image.Image, left: float, generator: np.random.Generator, width: float = 0.08) -> float:
    """A blue strip with a ring of stars and a letter; gives how much of the width it takes."""
    draw, side, height = ImageDraw.Draw(image), image.width, image.height
    draw.rectangle((left * side, 0, (left + width) * side, height), fill=(20, 45, int(generator.integers(110, 190))))
    middle, radius = (left + width / 2) * side, 0.3 * width * side
    draw.ellipse(
        (middle - radius, 0.3 * height - radius, middle + radius, 0.3 * height + radius),
        outline=(240, 210, 60),
        width=3,
    )
    country = word(generator, string.ascii_uppercase, int(generator.integers(1, 3)))
    put_text(image, country, (left + 0.02, 0.62, left + width - 0.02, 0.88), (240, 240, 240), "DejaVuSans-Bold")
    return width


def _seal(image: Image.Image, place: float, generator: np.random.Generator) -> None:
    x, radius = place * image.width, 0.13 * image.height
    for y in (0.3, 0.7):
        box = (x - radius, y * image.height - radius, x + radius, y * image.height + radius)
        ImageDraw.Draw(image).ellipse(box, fill=tuple(generator.integers(60, 230, 3).tolist()))


def _holes(image: Image.Image) -> Image.Image:
    draw, radius = ImageDraw.Draw(image), 0.03 * image.height
    for x in (0.25, 0.75):
        for y in (0.08, 0.92):
            middle = x * image.width, y * image.height
            draw.ellipse(
                (middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), fill=(60, 60, 60)
            )
    return image


def _bordered(image: Image.Image, ink: Colour, generator: np.random.Generator) -> Image.Image:
    if generator.random() < 0.6:
        inset = int(generator.integers(0, 4))
        box = (inset, inset, image.width - 1 - inset, image.height - 1 - inset)
        ImageDraw.Draw(image).rounded_rectangle(box, radius=8, outline=ink, width=int(generator.integers(1, 4)))
    return image


def _shade(image: Image.Image, generator: np.random.Generator) -> None:
    """Fades from one colour at the top to another at the bottom, as pictures behind the letters look from afar."""
    rows = np.linspace(0, 1, image.height)[:, None, None]
    ends = generator.integers(150, 256, (2, 3))
    image.paste(
        Image.fromarray(
            np.broadcast_to(ends[0] + rows * (ends[1] - ends[0]), (image.height, image.width, 3)).astype(np.uint8)
        )
    )
