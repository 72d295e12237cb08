"""Draws wavefront.svg: which pixels are solved together, what a pixel needs, and the four corners.

python docs/draw_wavefront.py
"""

from __future__ import annotations

from pathlib import Path

# From the first step to the last: points of viridis, which grows darker evenly and suits the colour-blind.
COLOURS = ((253, 231, 37), (122, 209, 81), (34, 168, 132), (42, 120, 142), (65, 68, 135), (68, 1, 84))
WIDTH, HEIGHT = 900, 480
ARROW = "M-42 -3.5 H20 V-11 L42 0 L20 11 V3.5 H-42 Z"
INK, PALE, ACCENT = "#1f2933", "#9aa5b1", "#d5006d"
CAPTION = (
    "The number is the step that solves a pixel: 6 + 8 − 1 steps.",
    "The ringed pixel needs those in its frame, all of earlier steps,",
    "so pixels of one colour can be solved together.",
)


def colour(step: int, steps: int) -> tuple[int, int, int]:
    place = step / (steps - 1) * (len(COLOURS) - 1)
    i = min(int(place), len(COLOURS) - 2)
    red, green, blue = (round(a + (b - a) * (place - i)) for a, b in zip(COLOURS[i], COLOURS[i + 1], strict=True))
    return red, green, blue


def text(x: float, y: float, words: str, size: int = 15, fill: str = INK, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}" {more}>{words}</text>'


def middle(x: float, y: float, words: str, size: int = 15, fill: str = INK, more: str = "") -> str:
    return text(x, y, words, size, fill, f'text-anchor="middle" {more}')


def box(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" {style}/>'


def zeros(x: float, y: float, side: float) -> list[str]:
    """A pixel of the padding."""
    dashed = f'fill="#f5f7fa" stroke="{PALE}" stroke-dasharray="3 3"'
    return [box(x, y, side, side, dashed), middle(x + side / 2, y + side / 2 + 5, "0", fill=PALE)]


def pixels(x: float, y: float, rows: int, columns: int, side: float, corner: str, numbers: bool) -> list[str]:
    """An image whose pixels have the colour, and the number, of the step that solves them."""
    parts, steps = [], rows + columns - 1
    for h in range(rows):
        for w in range(columns):
            step = (h if corner[0] == "t" else rows - 1 - h) + (w if corner[1] == "l" else columns - 1 - w)
            red, green, blue = colour(step, steps)
            left, top = x + w * side, y + h * side
            style = f'fill="rgb({red},{green},{blue})" stroke="white" stroke-width="2"'
            parts.append(box(left, top, side, side, style))
            if numbers:
                ink = INK if 0.3 * red + 0.6 * green + 0.1 * blue > 105 else "white"
                parts.append(middle(left + side / 2, top + side / 2 + 5, str(step + 1), fill=ink))
    return parts


def image_panel(x: float, y: float) -> list[str]:
    """Corner tl with its padding, and the neighbourhood of one pixel."""
    side, rows, columns, h, w = 40, 6, 8, 3, 4
    parts = [text(x, y - 16, "Zeros at the top and left (tl), 3 × 3 kernel", 17, more='font-weight="bold"')]
    for i in range(rows + 2):
        for j in range(columns + 2):
            if i < 2 or j < 2:
                parts += zeros(x + j * side, y + i * side, side)
    parts += pixels(x + 2 * side, y + 2 * side, rows, columns, side, "tl", numbers=True)
    left, top = x + w * side, y + h * side  # two pixels before (h, w), which the padding moves by two
    parts.append(box(left, top, 3 * side, 3 * side, f'fill="none" stroke="{ACCENT}" stroke-width="4" rx="3"'))
    ring = f'cx="{left + 2.5 * side:g}" cy="{top + 2.5 * side:g}" r="16"'
    parts.append(f'<circle {ring} fill="none" stroke="{ACCENT}" stroke-width="4"/>')
    return parts + [text(x, y + (rows + 2) * side + 30 + 22 * i, line) for i, line in enumerate(CAPTION)]


def corner_panel(x: float, y: float, corner: str) -> list[str]:
    """A small image whose recursion starts at a corner, with the zeros as bars on two sides."""
    side, count = 24, 5
    end, left, top = side * count, corner[1] == "l", corner[0] == "t"
    bar = f'fill="#f5f7fa" stroke="{PALE}" stroke-dasharray="3 3"'
    parts = [box(x - 16 if left else x, y - 16 if top else y + end + 4, end + 16, 12, bar)]
    parts.append(box(x - 16 if left else x + end + 4, y, 12, end, bar))
    parts += pixels(x, y, count, count, side, corner, numbers=False)
    angle = {"tl": 45, "tr": 135, "bl": -45, "br": -135}[corner]
    place = f"translate({x + end / 2:g},{y + end / 2:g}) rotate({angle})"
    parts.append(f'<path d="{ARROW}" transform="{place}" fill="white" stroke="{INK}" stroke-width="1.5"/>')
    label = y + end + (24 if top else 38)
    return [*parts, middle(x + end / 2, label, corner, 17, more='font-weight="bold"')]


def formula(x: float, y: float) -> str:
    def low(letters: str) -> str:
        return f'<tspan dy="5" font-size="12">{letters}</tspan><tspan dy="-5">\u200b</tspan>'

    power = '<tspan dy="-7" font-size="12">−1</tspan><tspan dy="7">\u200b</tspan>'
    words = f"x{low('p')} = K{low('0')}{power} ( y{low('p')} − Σ{low('t≠0')} K{low('t')} x{low('p−t')} )"
    return middle(x, y, words, 19, more='font-family="Georgia, Times, serif" font-style="italic"')


def picture() -> str:
    parts = image_panel(28, 60)
    parts.append(text(540, 44, "The four corners", 17, more='font-weight="bold"'))
    for i, corner in enumerate(("tl", "tr", "bl", "br")):
        parts += corner_panel(557 + 184 * (i % 2), 78 + 174 * (i // 2), corner)
    parts.append(formula(709, 454))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"',
            ' font-family="Helvetica, Arial, sans-serif" role="img">',
            "<title>The wavefront: pixels on one anti-diagonal are solved together</title>",
            box(0, 0, WIDTH, HEIGHT, 'fill="white"'),
            *parts,
            "</svg>\n",
        ]
    )


def main() -> None:
    Path(__file__).with_name("wavefront.svg").write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
