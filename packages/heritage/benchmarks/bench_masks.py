"""How well damage is found: the network, ridges alone and a colour; and what they mark on whole pictures.

python bench_masks.py FOLDER PICTURES [--json results/masks.json]

FOLDER is that of the heritage data, with murals/ and paintings/, and PICTURES a folder of pictures that nothing was
trained on, as Set14; tools/download_data.py leaves both. Made-up cracks are drawn on the middles of the pictures and on
crops of the paintings; on the murals everything is marked that their white damage touches, so that a third of it is a
soft rim. A fresco of the murals has real cracks, of which a person has marked many, not all, by strokes of some eight
pixels: there the tolerance is half of that. F1, precision and recall count pixels, all cases of a set together, to the
pixel and within one. What is marked of whole pictures is the mean share. The ridge filter has the threshold that the
network's card names, which was the best on held-out training pictures; ``Otsu`` marks what differs from a median of
5 x 5, by Otsu's threshold, as a popular program does.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from skimage.filters import threshold_otsu

from nflows_core.runtime.images import read_picture
from nflows_core.runtime.report import machine, versions
from nflows_core.runtime.text_table import table
from nflows_heritage.masks import CrackFinder, find_colour, ridge_cracks
from nflows_heritage.masks.evaluation import Find, Pixels, cracked_pictures, falsely_marked, total

Mask = NDArray[np.bool_]
_STROKE = 8
SIDE, SEED, WHITE = 256, 2000, (255, 255, 255)
CASES = ("case01", "case02", "case03")
PAINTINGS = {"starry_night_google": (300, 200), "the_scream": (700, 500)}
"""Where the crops begin, row and column."""
PACKAGES = ("nflows-heritage", "scikit-image", "torch", "numpy")


def ways(ridge: float) -> Mapping[str, Find]:
    return {
        "network": CrackFinder(),
        "ridges alone": lambda pixels: ridge_cracks(pixels, ridge),
        "white": lambda pixels: find_colour(pixels, WHITE),
        "Otsu": by_otsu,
    }


def by_otsu(pixels: Pixels) -> Mask:
    grey = pixels.mean(2)
    difference = np.abs(grey - median_filter(grey, 5))
    return np.asarray(difference > threshold_otsu(difference))


def damaged(folder: Path, pictures: Mapping[str, list[Pixels]]) -> Iterator[tuple[str, list[tuple[Pixels, Mask]]]]:
    """Each set of pictures with their damage."""
    mask = read_picture(folder / "murals" / "inpaint-domain.png").pixels.max(2) > 0
    yield "murals", [(read_picture(folder / "murals" / f"{name}-toinpaint.png").pixels, mask) for name in CASES]
    for name, own in pictures.items():
        for light in (False, True):
            kind = "light" if light else "dark"
            yield f"{name}, {kind} cracks", list(cracked_pictures(own, light, SEED))


def by_hand(folder: Path) -> list[tuple[Pixels, Mask]]:
    """A fresco with its own cracks, and what a person has marked in half of its size."""
    fresco = read_picture(folder / "murals" / "inpaint-domain-original.png").pixels
    strokes = read_picture(folder / "murals" / "inpaint-domain.png").pixels.max(2) >= 128
    return [(fresco, strokes.repeat(2, 0).repeat(2, 1))]


def whole(folder: Path, others: Path) -> dict[str, list[Pixels]]:
    """Pictures that are not damaged."""
    files = sorted(path for path in others.iterdir() if path.suffix.lower() in (".png", ".bmp", ".jpg"))
    return {
        "murals": [read_picture(folder / "murals" / f"{name}-original.png").pixels for name in CASES],
        "paintings": [
            part(read_picture(folder / "paintings" / f"{name}.jpg").pixels, *place) for name, place in PAINTINGS.items()
        ],
        others.parent.name if others.name == "HR" else others.name: [
            middle(read_picture(path).pixels) for path in files
        ],
    }


def middle(pixels: NDArray[Any]) -> Pixels:
    top, left = (max((length - SIDE) // 2, 0) for length in pixels.shape[:2])
    return part(pixels, top, left)


def part(pixels: NDArray[Any], top: int, left: int) -> Pixels:
    square = pixels[top : top + SIDE, left : left + SIDE, :3]
    return np.ascontiguousarray(np.broadcast_to(square, (*square.shape[:2], 3)))


def row(
    of: str, name: str, way: Find, cases: list[tuple[Pixels, Mask]], tolerances: tuple[int, ...] = (0, 1)
) -> dict[str, Any]:
    """A row of the table of what is found."""
    cells: dict[str, Any] = {"set": of, "way": name}
    for tolerance in tolerances:
        words = f" within {tolerance}" if tolerance else ""
        counted = total(way, cases, tolerance)
        for measure in ("precision", "recall", "f1"):
            cells[measure + words] = round(getattr(counted, measure), 3)
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--ridge", type=float, default=RIDGE, help="the threshold of the ridge filter (%(default)s)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    pictures, own = whole(arguments.folder, arguments.pictures), ways(arguments.ridge)
    rows = [row(of, name, way, cases) for of, cases in damaged(arguments.folder, pictures) for name, way in own.items()]
    print(table(rows))
    real = [
        row("a fresco, by hand", name, way, by_hand(arguments.folder), (_STROKE // 2,)) for name, way in own.items()
    ]
    print(table(real))
    clean = [
        {"set": of, "way": name, "marked_percent": round(100 * falsely_marked(way, cases), 2)}
        for of, cases in pictures.items()
        for name, way in own.items()
    ]
    print(table(clean))
    if arguments.json:
        conditions = {"ridge": arguments.ridge, "machine": machine(), "versions": versions(PACKAGES)}
        arguments.json.write_text(
            json.dumps({"found": rows, "by_hand": real, "whole": clean, **conditions}, indent=2) + "\n"
        )


RIDGE = 0.18

if __name__ == "__main__":
    main()
