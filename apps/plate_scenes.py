"""Streets with made-up licence plates in them, and with things that look like plates and are none."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from plate_drawing import Colour, draw_plate, put_text, random_font, word

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]

WIDTH, HEIGHT = 640, 480
_SMALLEST, _LARGEST = 14, 260
"""The widths of plates in pixels."""


def street(
    background: Pixels, generator: np.random.Generator, real: Sequence[Box] = ()
) -> tuple[Pixels, list[Box], list[Box]]:
    """A part of a picture with plates put into it.

    Arguments:
        background: The picture :math:`(H, W, 3)`.
        generator: The source of all that is random.
        real: Where the picture has, or may have, plates of its own.

    Returns:
        The scene, the box around each plate that was put there, and the boxes of those that may have been there.
    """
    scene, own = view(background, generator, real)
    taken: list[Box] = []
    boxes: list[Box] = []
    for _ in range(int(generator.integers(0, 4))):
        _place(scene, _decoy(generator), 1.0, taken, generator)
    for _ in range(int(generator.choice(5, p=[0.2, 0.25, 0.25, 0.2, 0.1]))):
        plate = draw_plate(generator)
        surroundings, inner = _mounted(plate, generator)
        if box := _place(scene, surroundings, inner, taken, generator):
            boxes.append(box)
    return scene, boxes, own


def view(background: Pixels, generator: np.random.Generator, real: Sequence[Box] = ()) -> tuple[Pixels, list[Box]]:
    """A random part of a picture at a random scale, maybe in a mirror, and the boxes as they lie in it."""
    height, width = background.shape[:2]
    least = max(WIDTH / width, HEIGHT / height)
    scale = max(least, float(np.exp(generator.uniform(np.log(0.45), np.log(1.5)))))
    own = min(width, round(WIDTH / scale)), min(height, round(HEIGHT / scale))
    left, top = int(generator.integers(width - own[0] + 1)), int(generator.integers(height - own[1] + 1))
    part = background[top : top + own[1], left : left + own[0]]
    resized = cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    boxes = (np.array(real).reshape(-1, 4) - [left, top, left, top]) * ([WIDTH / own[0], HEIGHT / own[1]] * 2)
    if generator.random() < 0.5:
        resized, boxes = (
            resized[:, ::-1],
            np.stack([WIDTH - boxes[:, 2], boxes[:, 1], WIDTH - boxes[:, 0], boxes[:, 3]], 1),
        )
    boxes = boxes.clip(0, [WIDTH, HEIGHT] * 2)
    return np.ascontiguousarray(resized), [tuple(box) for box in boxes.tolist() if box[0] < box[2] and box[1] < box[3]]


def _place(
    scene: Pixels,
    surface: NDArray[np.uint8],
    inner: Box | float,
    taken: list[Box],
    generator: np.random.Generator,
) -> Box | None:
    """Puts a flat surface into a scene, turned in space, and gives the box around its inner part.

    Arguments:
        scene: The picture, which is changed.
        surface: RGB and alpha, :math:`(H, W, 4)`.
        inner: The part that counts, in its pixels; a number takes all of it.
        taken: Where something is already; what is put there is added.
        generator: The source of all that is random.
    """
    height, width = surface.shape[:2]
    part = (0.0, 0.0, float(width), float(height)) if isinstance(inner, float) else inner
    wanted = float(np.exp(generator.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
    homography = _turned(part, wanted, generator)
    whole, box = _bounds(homography, (0, 0, width, height)), _bounds(homography, part)
    size = box[2] - box[0], box[3] - box[1]
    if size[0] > WIDTH or size[1] > HEIGHT:
        return None
    shift = [
        generator.uniform(-0.1 * wanted, side - length + 0.1 * wanted) - low
        for side, length, low in zip((WIDTH, HEIGHT), size, box[:2], strict=True)
    ]
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    whole, box = ((one[0] + shift[0], one[1] + shift[1], one[2] + shift[0], one[3] + shift[1]) for one in (whole, box))
    clipped = max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(WIDTH)), min(box[3], float(HEIGHT))
    seen = (clipped[2] - clipped[0]) * (clipped[3] - clipped[1]) / (size[0] * size[1])
    if seen < 0.6 or any(_meet(whole, other) for other in taken):
        return None
    taken.append(whole)
    _paste(scene, surface, move @ homography, wanted / (part[2] - part[0]), generator)
    return clipped


def _turned(part: Box, width: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """The homography of a surface that is turned in space and seen by a pinhole camera; a part gets a width."""
    tilt = 4 if generator.random() < 0.6 else 16  # cameras that people wear are seldom level
    turn = 22 if generator.random() < 0.5 else 45  # parked cars are passed from the side
    yaw, pitch, roll = np.radians(generator.normal(0, (turn, 10, tilt)).clip(-68, 68))
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    rotation = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    rotation = rotation @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    centre = np.array([[1, 0, -(part[0] + part[2]) / 2], [0, 1, -(part[1] + part[3]) / 2], [0, 0, 1]])
    distance = generator.uniform(4, 20) * (part[2] - part[0])
    camera = np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, distance]])
    homography = np.diag([1.0, 1.0, 1 / distance]) @ camera @ centre
    box = _bounds(homography, part)
    return np.asarray(np.diag([width / (box[2] - box[0]), width / (box[2] - box[0]), 1.0]) @ homography)


def _paste(
    scene: Pixels, surface: Pixels, homography: NDArray[np.float64], scale: float, generator: np.random.Generator
) -> None:
    """Draws a surface under a homography, in the light of the place, as sharp as the lens is."""
    factor = min(1.0, 1.5 * scale)  # or what is drawn small would flicker from pixel to pixel
    small = cv2.resize(surface, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    fitting = homography @ np.diag([surface.shape[1] / small.shape[1], surface.shape[0] / small.shape[0], 1])
    lit = small.astype(np.float32)
    lit[..., :3] = _lit(lit[..., :3], generator)
    lit[..., :3] *= lit[..., 3:] / 255
    drawn = cv2.warpPerspective(lit, fitting, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    if generator.random() < 0.5:
        drawn = cv2.GaussianBlur(drawn, (0, 0), generator.uniform(0.3, 0.9))
    rows, columns = (np.flatnonzero(drawn[..., 3].any(axis)) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return
    area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    around, alpha = scene[area].astype(np.float32), drawn[area][..., 3:] / 255
    brightness = float(np.clip(around.mean() / 110, 0.45, 1.35)) ** generator.uniform(0, 1)
    scene[area] = (around * (1 - alpha) + drawn[area][..., :3] * brightness).clip(0, 255).astype(np.uint8)


def _lit(values: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """In uneven light, maybe half in a shadow, with dirt on it."""
    height, width = values.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    slope = generator.normal(0, 0.25, 2)
    light = 1 + slope[0] * (x / width - 0.5) + slope[1] * (y / height - 0.5)
    light *= np.exp(generator.normal(-0.1, 0.25))
    if generator.random() < 0.25:
        angle, offset = generator.uniform(0, 2 * np.pi), generator.uniform(-0.3, 0.3)
        edge = np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5) - offset
        light *= 1 - generator.uniform(0.3, 0.7) / (1 + np.exp(-edge * generator.uniform(20, 200)))
    lit = values * light[..., None] * np.exp(generator.normal(0, 0.04, 3))
    if generator.random() < 0.3:
        coarse = generator.random((int(generator.integers(2, 9)), int(generator.integers(2, 9)))).astype(np.float32)
        dirt = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)[..., None] ** 2
        lit += dirt * generator.uniform(0.1, 0.7) * (generator.uniform(40, 140, 3) - lit)
    return np.asarray(lit.clip(0, 255), dtype=np.float32)


def _mounted(plate: Pixels, generator: np.random.Generator) -> tuple[Pixels, Box]:
    """A plate as it is on a vehicle: alone, in a holder, in a panel of a car's body; and where it is in that."""
    kind = generator.choice(3, p=[0.15, 0.25, 0.6])
    plate = _blemished(plate, generator)
    height, width = plate.shape[:2]
    edge = int(generator.integers(2, 9)) if kind else 0
    lower = edge + (int(generator.integers(0, 16)) if kind and generator.random() < 0.5 else 0)
    colour = int(generator.integers(5, 60)) if generator.random() < 0.8 else int(generator.integers(120, 230))
    held = np.full((height + edge + lower, width + 2 * edge, 3), colour, np.uint8)
    held[edge : edge + height, edge : edge + width] = plate
    inner = (float(edge), float(edge), float(edge + width), float(edge + height))
    if kind < 2:
        return _opaque(held), inner
    body, corner = _body(held.shape[1], held.shape[0], generator)
    body[corner[1] : corner[1] + held.shape[0], corner[0] : corner[0] + held.shape[1], :3] = held
    return body, (inner[0] + corner[0], inner[1] + corner[1], inner[2] + corner[0], inner[3] + corner[1])


def _blemished(plate: Pixels, generator: np.random.Generator) -> Pixels:
    """Maybe with a ball of a coupling, a bar or a branch before it."""
    if generator.random() > 0.12:
        return plate
    image = Image.fromarray(plate)
    draw, colour = ImageDraw.Draw(image), tuple(generator.integers(0, 120, 3).tolist())
    x, y = generator.uniform(0, plate.shape[1]), generator.uniform(0.3, 1) * plate.shape[0]
    radius = generator.uniform(0.15, 0.4) * plate.shape[0]
    if generator.random() < 0.5:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    else:
        end = generator.uniform(0, plate.shape[1])
        draw.line((x, plate.shape[0], end, 0), fill=colour, width=max(2, int(radius / 2)))
    return np.asarray(image)


def _body(width: int, height: int, generator: np.random.Generator) -> tuple[Pixels, tuple[int, int]]:
    """The rear or front of a vehicle about a holder of this size, RGB and alpha, and the holder's corner in it."""
    across, down = int(width * generator.uniform(1.3, 3.6)), int(height * generator.uniform(1.6, 5))
    across, down = max(across, width + 8), max(down, height + 8)
    base = generator.uniform(0, 255, 3) if generator.random() < 0.35 else np.full(3, generator.uniform(10, 245))
    rows = np.interp(np.arange(down), np.sort(generator.uniform(0, down, 5)), generator.normal(0, 28, 5))
    shade = np.clip(base + rows[:, None], 0, 255).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(shade[:, None], (down, across, 3)).copy())
    corner = (
        int(generator.normal((across - width) / 2, width * 0.05)),
        int(generator.uniform(0.15, 0.85) * (down - height)),
    )
    corner = min(max(corner[0], 2), across - width - 2), min(max(corner[1], 2), down - height - 2)
    _details(image, (*corner, corner[0] + width, corner[1] + height), generator)
    alpha = Image.new("L", image.size)
    ImageDraw.Draw(alpha).rounded_rectangle((0, 0, across - 1, down - 1), int(0.15 * down), fill=255)
    return np.dstack([np.asarray(image), np.asarray(alpha)]), corner


def _details(image: Image.Image, holder: Sequence[int], generator: np.random.Generator) -> None:
    """A recess about the plate, gaps, a grille, lamps, and the maker's badge."""
    draw, (width, height) = ImageDraw.Draw(image), image.size
    dark = tuple([int(generator.integers(5, 60))] * 3)
    if generator.random() < 0.5:
        grown = [int(generator.integers(4, 40)) for _ in range(4)]
        recess = (holder[0] - grown[0], holder[1] - grown[1], holder[2] + grown[2], holder[3] + grown[3])
        draw.rounded_rectangle(
            recess, 8, fill=tuple(generator.integers(0, 200, 3).tolist()) if generator.random() < 0.3 else dark
        )
    for _ in range(int(generator.integers(0, 4))):
        y = int(generator.integers(height))
        draw.line((0, y, width, y + int(generator.normal(0, 3))), fill=dark, width=int(generator.integers(1, 5)))
    if generator.random() < 0.25:
        for y in range(int(generator.integers(8)), height, int(generator.integers(8, 24))):
            draw.line((0, y, width, y), fill=dark, width=4)
    if generator.random() < 0.5:
        size = generator.uniform(0.08, 0.22) * width, generator.uniform(0.2, 0.5) * height
        upper, red = generator.uniform(0, height - size[1]), (int(generator.integers(120, 250)), 20, 25)
        lamp = red if generator.random() < 0.7 else (230, 230, 225)
        for left in (0.0, width - size[0]):
            draw.rounded_rectangle(
                (left, upper, left + size[0], upper + size[1]), 10, fill=lamp, outline=(200, 200, 200)
            )
    if generator.random() < 0.3:
        text = word(generator, string.ascii_letters, int(generator.integers(2, 8)))
        across, down = generator.uniform(0, 0.7), generator.uniform(0, 0.8)
        shade = int(generator.integers(150, 250))
        put_text(
            image,
            text,
            (across, down, across + 0.25, down + 0.12),
            (shade, shade, shade),
            random_font(generator),
            squeeze=False,
        )


def _decoy(generator: np.random.Generator) -> Pixels:
    """Something that might be taken for a plate and is none."""
    kinds: Sequence[Callable[[np.random.Generator], Image.Image]] = (
        _sign, _sign, _shop, _stripes, _windows, _number, _display, _blank, _lettering,
    )  # fmt: skip
    chosen = int(generator.integers(len(kinds) + 1))
    if chosen == len(kinds):
        return _body(int(generator.integers(100, 400)), int(generator.integers(60, 130)), generator)[0]
    return _opaque(np.asarray(kinds[chosen](generator)))


def _opaque(pixels: Pixels) -> Pixels:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


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


def _bounds(homography: NDArray[np.float64], box: Box) -> Box:
    corners = (
        np.array([[box[0], box[1], 1], [box[2], box[1], 1], [box[2], box[3], 1], [box[0], box[3], 1]]) @ homography.T
    )
    places = corners[:, :2] / corners[:, 2:]
    return (*places.min(0).tolist(), *places.max(0).tolist())


def _meet(first: Box, second: Box) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
