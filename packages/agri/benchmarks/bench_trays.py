"""Seeds counted in trays that are made up, and in a photograph with a mask, beside Otsu's threshold with a watershed.

    python packages/agri/benchmarks/bench_trays.py -o trays.json [--trays FOLDER] [--repeats 5]

FOLDER holds test.jpg, test_2.jpg and mask_test_2.jpg (deepakrana47/Wheat-quality-detector-2). No default of the method
was chosen on these numbers: the made-up trays are drawn by seeds from 5000 on, those that it was tried on by others.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2gray
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

from nflows_agri.trays import read_photograph, segment
from nflows_agri.trays.drawing import overlay
from nflows_agri.trays.shapes import shape_of
from nflows_core.runtime.report import machine, versions
from nflows_core.runtime.terminal import echo

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from made_up_trays import KINDS, Tray, make_tray

Labels = NDArray[Any]
Method = Callable[[NDArray[np.uint8]], Labels]

CASES: dict[str, dict[str, Any]] = {
    "seeds 16 pixels wide": {"minor": 16, "touching": 0.4},
    "seeds 24 pixels wide": {"minor": 24, "touching": 0.4},
    "seeds 44 pixels wide": {"minor": 44, "touching": 0.4},
    "every seed touches": {"minor": 24, "touching": 1.0},
    "strong light": {"minor": 24, "light": 0.65},
    "noise and JPEG 60": {"minor": 24, "noise": 12, "quality": 60},
    "one seed": {"minor": 24, "count": 1},
    "no seed": {"count": 0, "light": 0.5},
    "110 seeds, 28 % covered": {"minor": 24, "count": 110, "touching": 0.4},
}
LARGE: dict[str, dict[str, Any]] = {
    "1,000 seeds 15 pixels wide": {"minor": 15, "count": 1000, "size": (1200, 1600), "touching": 0.2},
    "10 seeds 180 pixels wide": {"minor": 180, "count": 10, "size": (1200, 1600), "touching": 0.5},
}


def ours(pixels: NDArray[np.uint8]) -> Labels:
    return segment(pixels).labels


def plain(pixels: NDArray[np.uint8]) -> Labels:
    """As tutorials have it: Otsu's threshold of the smoothed grey picture, seeds what the rim is not, peaks apart."""
    grey = ndimage.gaussian_filter(rgb2gray(pixels), 1.5)
    mask = grey > threshold_otsu(grey)
    rim = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    mask = ~mask if rim.mean() > 0.5 else mask
    depth = ndimage.distance_transform_edt(mask)
    depth = ndimage.gaussian_filter(depth, 1.5)
    peaks = peak_local_max(depth, min_distance=8, threshold_abs=3, labels=ndimage.label(mask)[0])
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return np.asarray(watershed(-depth, markers, mask=mask))


METHODS: dict[str, Method] = {"ours": ours, "Otsu and watershed": plain}


def overlaps(labels: Labels, truth: Labels) -> NDArray[np.float64]:
    """The overlap (IoU) of each true seed with the label that fits it best."""
    columns = int(truth.max()) + 1
    pairs = labels.astype(np.int64).ravel() * columns + truth.ravel()
    counts = np.bincount(pairs, minlength=(int(labels.max()) + 1) * columns).reshape(-1, columns)
    union = counts.sum(1, keepdims=True) + counts.sum(0, keepdims=True) - counts
    found = (counts / np.maximum(union, 1))[1:, 1:]
    return np.asarray(found.max(0) if len(found) else np.zeros(columns - 1))


def score(method: Method, trays: list[Tray]) -> dict[str, float | int | None]:
    """Counts and overlaps over trays."""
    errors, best = list[int](), list[float]()
    start = time.process_time()
    for tray in trays:
        labels = method(tray.pixels)
        errors.append(len(np.unique(labels[labels > 0])) - tray.count)
        best += overlaps(labels, tray.truth).tolist()
    seconds = time.process_time() - start
    return {
        "trays": len(trays),
        "counted_exactly": float(np.mean(np.equal(errors, 0))),
        "mean_error": float(np.mean(np.abs(errors))),
        "worst_error": int(np.abs(errors).max()),
        "seeds": len(best),
        "mean_iou": float(np.mean(best)) if best else None,
        "iou_above_70": float(np.mean(np.greater(best, 0.7))) if best else None,
        "seconds_per_megapixel": seconds / sum(tray.truth.size for tray in trays) * 1e6,
    }


def made_up(repeats: int) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for case, options in {**CASES, **LARGE}.items():
        times = 1 if case in LARGE else repeats
        kinds = list(KINDS)[::3] if case in LARGE else list(KINDS)
        # A seed of its own for each tray: of one seed, all kinds have the same seeds at the same places.
        seeds = [(kind, 5000 + 100 * number + again) for number, kind in enumerate(kinds) for again in range(times)]
        trays = [make_tray(KINDS[kind], seed, **options) for kind, seed in seeds]
        table[case] = {name: score(method, trays) for name, method in METHODS.items()}
        echo(f"{case}: {json.dumps(table[case])}", err=True)
    return table


def by_kind(repeats: int) -> dict[str, Any]:
    """The same seeds in every kind, 24 pixels wide."""
    return {
        name: {
            method: score(function, [make_tray(kind, 6000 + seed, touching=0.4) for seed in range(repeats)])
            for method, function in METHODS.items()
        }
        for name, kind in KINDS.items()
    }


def instances(path: Path) -> Labels:
    """The instances of a mask whose seeds have a colour each, stored as JPEG.

    What is even in a square of three pixels is inside of one; such pieces grow over the rest of what is not black, and
    pieces of one colour not far from each other are one.
    """
    mask = read_photograph(path)
    inside = mask.max(2) > 40
    ranges = [
        ndimage.maximum_filter(one, 3).astype(int) - ndimage.minimum_filter(one, 3) for one in np.moveaxis(mask, 2, 0)
    ]
    markers, _ = ndimage.label((np.max(ranges, 0) < 24) & inside)
    large = np.bincount(markers.ravel()) >= 20
    large[0] = False
    grown = np.asarray(watershed(np.zeros(inside.shape), np.where(large[markers], markers, 0), mask=inside))
    joined, known = np.zeros_like(grown), list[tuple[NDArray[Any], NDArray[Any], int]]()
    for number in np.unique(grown[grown > 0]):
        piece = grown == number
        colour, place = np.median(mask[piece].astype(int), 0), np.argwhere(piece).mean(0)
        same = (n for c, p, n in known if np.abs(c - colour).max() < 14 and np.abs(p - place).max() < 150)
        own = next(same, len({n for *_, n in known}) + 1)
        known.append((colour, place, own))
        joined[piece] = own
    return joined


def is_clean(instance: NDArray[np.bool_], least: float) -> bool:
    """Whether a mask's instance is one piece, convex, and no fragment: judged by the mask alone."""
    window = ndimage.find_objects(instance.astype(int))[0]
    solidity = shape_of(instance[window], (slice(1, 2), slice(1, 2)), (10**6, 10**6)).solidity
    return ndimage.label(instance)[1] == 1 and solidity >= 0.92 and int(instance.sum()) >= least


def real(folder: Path) -> dict[str, Any]:
    truth = instances(folder / "mask_test_2.jpg")
    areas = np.bincount(truth.ravel())[1:]
    clean = np.array([is_clean(truth == number, np.median(areas) / 3) for number in range(1, len(areas) + 1)])
    table: dict[str, Any] = {"instances": len(areas), "clean": int(clean.sum())}
    for name, method in METHODS.items():
        labels = method(read_photograph(folder / "test_2.jpg"))
        best = overlaps(labels, truth)
        table[name] = {
            "test_2 (by eye 102)": len(np.unique(labels)) - 1,
            "test (by eye 235)": len(np.unique(method(read_photograph(folder / "test.jpg")))) - 1,
            "mean_iou_clean": float(best[clean].mean()),
            "mean_iou_all": float(best.mean()),
        }
    return table


def scaling() -> dict[str, float]:
    """A photograph of 50 megapixels: seconds of the processor, and the most memory of the process."""
    tray = make_tray(KINDS["wheat on green"], 5000, size=(1440, 2000), minor=40, count=200)
    pixels = np.asarray(Image.fromarray(tray.pixels).resize((8165, 6123), Image.Resampling.BICUBIC))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.process_time()
    count = segment(pixels).count
    seconds = time.process_time() - start
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "megapixels": 50,
        "seeds": tray.count,
        "found": count,
        "seconds": seconds,
        "MiB_before": before,
        "MiB": most,
    }


def picture(path: Path) -> None:
    """Overlays of four trays, in two rows."""
    kinds = ("dark on white paper", "pale on dark cloth", "wheat on green", "two sorts on grey")
    shown = []
    for number, kind in enumerate(kinds):
        tray = make_tray(KINDS[kind], 9000 + number, size=(400, 520), minor=30, count=22, touching=0.5)
        shown.append(overlay(tray.pixels, ours(tray.pixels)))
    rows = [np.hstack(shown[:2]), np.hstack(shown[2:])]
    Image.fromarray(np.vstack(rows)).quantize(192).save(path, optimize=True)


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--trays", type=click.Path(exists=True, path_type=Path), help="The folder of the real photographs.")
@click.option("--repeats", default=5, show_default=True)
@click.option("--picture", "shown", type=click.Path(path_type=Path), help="Draws the overlay of the README, too.")
def main(output: Path, trays: Path | None, repeats: int, shown: Path | None) -> None:
    """Measures how well seeds are counted and outlined."""
    if shown is not None:
        picture(shown)
    report: dict[str, Any] = {"50 megapixels": scaling(), "real": None if trays is None else real(trays)}
    report |= {"made_up": made_up(repeats), "by_kind": by_kind(repeats)}
    report |= {"versions": versions(["scikit-image", "scipy"]), "machine": machine()}
    output.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
