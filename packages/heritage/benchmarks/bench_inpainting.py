"""The ways to fill masked pixels beside those of OpenCV and scikit-image: how near to what was there, and how fast.

python bench_inpainting.py FOLDER [--json results/inpainting.json]

FOLDER is that of the heritage data, with murals/ and paintings/, as tools/download_data.py leaves them. The murals come
with their damage, one white mask; its soft edges are masked too. On crops of the paintings and on the murals as they
were we draw our own: dark cracks, and blobs of 10 to 20 pixels' radius. PSNR and SSIM (windows of 7 x 7, the mean of
the channels) count masked pixels only, and are the means over the pictures of a set; what is masked is white, black or
hidden, and no way looks at it. The time is the processor's on one thread, for all pictures of a set.

Apart from the ways to fill stands ``un-mixed``: the murals' damage is white paint mixed in by a known opacity, so the
picture can be computed where that is not full. It exploits how this set was made, and is no restoration.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from skimage.restoration import inpaint_biharmonic

from nflows_core.runtime.images import read_picture
from nflows_core.runtime.report import machine, versions
from nflows_core.runtime.text_table import table
from nflows_heritage.inpainting import METHODS, inpaint
from nflows_heritage.masks.made_up import MARKED, crack_shares, loss_shares, painted

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Way = Callable[[Pixels, Mask], Pixels]

CASES = ("case01", "case02", "case03")
PAINTINGS = {"starry_night_google": (300, 200), "the_scream": (700, 500)}
"""Where the crops begin, row and column."""
SIDE, CRACKS, BLOBS, RADII = 256, 5, 3, (10.0, 20.0)
RADIUS = 3  # of OpenCV's neighbourhoods
PACKAGES = ("nflows-heritage", "opencv-python-headless", "scikit-image", "scipy", "numpy")


@dataclass(frozen=True)
class Case:
    """A picture, what it was, and where it is damaged."""

    name: str
    damaged: Pixels
    original: Pixels
    mask: Mask


def ways() -> dict[str, Way]:
    """Those of others, then ours."""

    def of_opencv(method: int) -> Way:
        return lambda pixels, mask: cv2.inpaint(pixels, mask.astype(np.uint8), RADIUS, method)

    def of_skimage(pixels: Pixels, mask: Mask) -> Pixels:
        filled = inpaint_biharmonic(pixels, mask, channel_axis=2)
        return np.rint(255 * np.clip(filled, 0, 1)).astype(np.uint8)

    def ours(method: str) -> Way:
        return lambda pixels, mask: inpaint(pixels, mask, method)

    peers = {"Telea": of_opencv(cv2.INPAINT_TELEA), "Navier-Stokes": of_opencv(cv2.INPAINT_NS)}
    return {**peers, "biharmonic, scikit-image": of_skimage, **{method: ours(method) for method in METHODS}}


def murals(folder: Path) -> tuple[list[Case], NDArray[np.float64]]:
    """The murals, and the opacity of their damage."""
    opacity = read_picture(folder / "murals" / "inpaint-domain.png").pixels.max(2) / 255
    pictures = [[read_picture(folder / "murals" / f"{name}-{what}.png").pixels for what in WHAT] for name in CASES]
    return [
        Case(name, damaged, original, opacity > 0) for name, (damaged, original) in zip(CASES, pictures, strict=True)
    ], opacity


WHAT = ("toinpaint", "original")


def made_up(originals: Mapping[str, Pixels]) -> Iterator[tuple[str, list[Case]]]:
    """Sets of the same pictures with damage of our own."""
    for name, number in (("dark cracks", 0), ("large blobs", 1)):
        yield name, [_damaged(key, pixels, number, index) for index, (key, pixels) in enumerate(originals.items())]


def _damaged(name: str, pixels: Pixels, number: int, index: int) -> Case:
    random = np.random.default_rng([number, index])
    size = pixels.shape[:2]
    shares = loss_shares(*size, BLOBS, RADII, random) if number else crack_shares(*size, CRACKS, random)
    damage = painted((pixels / 255).astype(np.float32), shares, False, random)
    mask = damage.mask | (shares > 0)
    return Case(name, np.rint(255 * damage.picture).astype(np.uint8), pixels, mask)


def paintings(folder: Path) -> dict[str, Pixels]:
    """The crops of the paintings."""
    return {
        name: np.ascontiguousarray(
            read_picture(folder / "paintings" / f"{name}.jpg").pixels[top : top + SIDE, left : left + SIDE]
        )
        for name, (top, left) in PAINTINGS.items()
    }


def fidelity(filled: Pixels, case: Case) -> tuple[float, float]:
    """PSNR in decibels, and SSIM, of the masked pixels."""
    error = (filled.astype(np.float64) - case.original)[case.mask]
    local = structural_similarity(filled, case.original, channel_axis=2, full=True)[1]
    return float(10 * np.log10(255**2 / np.mean(error**2))), float(local[case.mask].mean())


def row(of: str, name: str, way: Way, cases: Sequence[Case]) -> dict[str, Any]:
    """A row of the table: one way on one set."""
    start = time.process_time()
    filled = [way(case.damaged, case.mask) for case in cases]
    seconds = time.process_time() - start
    scores = [fidelity(one, case) for one, case in zip(filled, cases, strict=True)]
    return {
        "set": of,
        "way": name,
        "psnr_db": round(float(np.mean([psnr for psnr, _ in scores])), 2),
        "ssim": round(float(np.mean([ssim for _, ssim in scores])), 4),
        "seconds": round(seconds, 2),
        "psnr_db_each": {case.name: round(psnr, 2) for case, (psnr, _) in zip(cases, scores, strict=True)},
    }


def un_mixed(opacity: NDArray[np.float64]) -> Way:
    r"""The murals by :math:`(d - a) / (1 - a)` where the opacity a is below .9, and the mixture elsewhere."""

    def way(pixels: Pixels, mask: Mask) -> Pixels:
        a = np.minimum(opacity, 0.9)[..., None]
        known = np.rint(255 * np.clip((pixels / 255 - a) / (1 - a), 0, 1)).astype(np.uint8)
        return inpaint(np.where(mask[..., None], known, pixels), opacity >= 0.9)

    return way


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    cases, opacity = murals(arguments.folder)
    originals = {case.name: case.original for case in cases} | paintings(arguments.folder)
    rows = []
    for of, own in [("murals", cases), *made_up(originals)]:
        rows += [row(of, name, way, own) for name, way in ways().items()]
        print(table([{key: one[key] for key in list(one)[:5]} for one in rows if one["set"] == of]), flush=True)
    apart = row("murals", "un-mixed", un_mixed(opacity), cases)
    print(f"apart, un-mixed: {apart['psnr_db']} dB / {apart['ssim']}; each {apart['psnr_db_each']}")
    if arguments.json:
        conditions = {"marked": MARKED, "threads": 1, "machine": machine(), "versions": versions(PACKAGES)}
        arguments.json.write_text(json.dumps({"rows": rows, "apart": apart, **conditions}, indent=2) + "\n")


if __name__ == "__main__":
    main()
