"""The ways to fill regions: what a detector still finds, how it looks at the edge, how long it takes.

python bench_fills.py FOLDER [--json results/fills.json] [--sheet fills.png]

FOLDER has city.jpg, coco01.jpg and egoblur/, as tools/download_data.py leaves them in privacy/; the longer side of what
is larger becomes 1280. Faces are what YuNet finds when it looks thoroughly, with a score of .6. Their boxes, 1.3 times
as large, are filled in one call, as ``redact`` does, and the bare network looks again at four sizes of the picture. A
face is left if the middle of anything with a score of .5 is in its mask; "by redact", if its own second look finds it,
whose scores are means of two looks. The edge is the mean step, in levels of 255, from a pixel
of a mask to its neighbour outside; without a fill it is what the picture itself has there. The time is the processor's
on one thread, the less of two rounds, of all pictures by the number of faces.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.report import machine, versions
from nflows_core.runtime.text_table import table
from nflows_core.runtime.weights import find_weights
from nflows_privacy.detection.base import Look
from nflows_privacy.detection.yunet import WEIGHTS, YuNet
from nflows_privacy.fills import FillSettings, load_fill
from nflows_privacy.fills.settings import GRADED, HOW
from nflows_privacy.masks import Rectangle, covers, mask_of
from nflows_privacy.regions import Box, Region

STILLS = ("test_face_image.png", "test_image.jpg", "test_lp_image.png")
PICTURES = ("city.jpg", "coco01.jpg", *(f"egoblur/{name}" for name in STILLS))
LONGEST = 1280
SCALES = (0.5, 1.0, 1.5, 2.0)
STRENGTHS = (1.0, 2.0)
MASK_SCALE, FOUND, LEFT = 1.3, 0.6, 0.5
ROUNDS = 2
Pixels = NDArray[np.uint8]
Scene = tuple[Pixels, list[Rectangle]]


def ways() -> Iterator[FillSettings]:
    """All ways that can be loaded here, graded ones at several strengths."""
    for how in HOW:
        for strength in STRENGTHS if how in GRADED else (1.0,):
            settings = FillSettings(how, strength)
            try:
                load_fill(settings)
            except (CommandError, ModuleNotFoundError) as error:
                print(f"not measured: {how}: {str(error).splitlines()[0]}")
            else:
                yield settings


def scene(path: Path, detector: YuNet) -> Scene:
    """A picture, and the rectangles of its faces."""
    pixels: Pixels = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    scale = min(1.0, LONGEST / max(pixels.shape))
    pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    faces = [Region(one.box.grown(MASK_SCALE), one.kind) for one in detector(pixels) if one.score >= FOUND]
    return pixels, covers(faces, *pixels.shape[:2])


def left(pixels: Pixels, rectangles: Sequence[Rectangle], detector: YuNet, scale: float) -> set[int]:
    """The places of the rectangles in which the bare network finds a face at a size of the picture."""
    height, width = pixels.shape[:2]
    size = round(width * scale), round(height * scale)
    resized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    detector.network.setInputSize(size)
    detector.network.setScoreThreshold(LEFT)
    _, faces = detector.network.detect(cv2.cvtColor(resized, cv2.COLOR_RGB2BGR))
    boxes = [] if faces is None else (faces[:, :4] / scale).tolist()
    return hit(rectangles, [Box(left, top, left + across, top + down) for left, top, across, down in boxes])


def hit(rectangles: Sequence[Rectangle], boxes: Sequence[Box]) -> set[int]:
    """The places of the rectangles that have the middle of a box."""
    middles = [((box.top + box.bottom) / 2, (box.left + box.right) / 2) for box in boxes]
    return {
        index
        for index, place in enumerate(rectangles)
        if any(place.top <= row < place.bottom and place.left <= column < place.right for row, column in middles)
    }


def kept(pixels: Pixels, rectangles: Sequence[Rectangle], detector: YuNet) -> set[int]:
    """The places of the rectangles in which ``redact`` would still find a face, and fill it more."""
    return hit(rectangles, [one.box for one in detector(pixels, Look.CHECK) if one.score >= LEFT])


def edge(pixels: Pixels, rectangles: Sequence[Rectangle]) -> float:
    """The mean step between neighbours of which one is in a mask."""
    mask, levels = mask_of(rectangles, *pixels.shape[:2]), pixels.astype(np.float32)
    steps = [np.abs(np.diff(levels, axis=axis)).mean(axis=2)[np.diff(mask, axis=axis)] for axis in (0, 1)]
    return float(np.concatenate(steps).mean())


def measure(settings: FillSettings | None, scenes: Sequence[Scene], detector: YuNet) -> dict[str, Any]:
    """A row of the table: of a way, or of the pictures as they are."""
    fill = None if settings is None else load_fill(settings)
    seconds, filled = [], [pixels for pixels, _ in scenes]
    for _ in range(ROUNDS if fill else 0):
        start = time.process_time()
        filled = [fill(pixels, places, 0) for pixels, places in scenes] if fill else filled
        seconds.append(time.process_time() - start)
    faces = sum(len(places) for _, places in scenes)
    found = {
        scale: [left(pixels, places, detector, scale) for pixels, (_, places) in zip(filled, scenes, strict=True)]
        for scale in SCALES
    }
    at_any = [set().union(*(found[scale][index] for scale in SCALES)) for index in range(len(scenes))]
    edges = [edge(pixels, places) for pixels, (_, places) in zip(filled, scenes, strict=True) if places]
    return {
        "how": "nothing" if settings is None else settings.how,
        "strength": settings.strength if settings and settings.how in GRADED else None,
        "faces": faces,
        **{f"left at {scale:g}": sum(map(len, found[scale])) for scale in SCALES},
        "left": sum(map(len, at_any)),
        "by redact": sum(len(kept(one, places, detector)) for one, (_, places) in zip(filled, scenes, strict=True)),
        "edge": round(float(np.mean(edges)), 1),
        "ms a face": round(1000 * min(seconds) / faces, 2) if seconds else None,
    }


def sheet(scenes: Sequence[Scene], chosen: Sequence[FillSettings], path: Path, side: int = 160) -> None:
    """The largest face of each picture as it is, and as each way fills it, a row a way."""
    largest = [max(places, key=lambda p: p.bottom - p.top) if places else None for _, places in scenes]
    rows = []
    for settings in (None, *chosen):
        cells = []
        for (pixels, places), place in zip(scenes, largest, strict=True):
            if place is not None:
                shown = pixels if settings is None else load_fill(settings)(pixels, places, 0)
                height, width = place.bottom - place.top, place.right - place.left
                margin = max(height, width) // 2
                rows_, columns = (
                    slice(max(0, low - margin), high + margin)
                    for low, high in ((place.top, place.bottom), (place.left, place.right))
                )
                cells.append(cv2.resize(shown[rows_, columns], (side, side), interpolation=cv2.INTER_AREA))
        rows.append(np.hstack(cells))
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path, help="a picture of all ways")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    detector = YuNet(find_weights(WEIGHTS), LEFT)
    scenes = [scene(arguments.folder / name, detector) for name in PICTURES]
    chosen = list(ways())
    rows = []
    for settings in (None, *chosen):
        rows.append(measure(settings, scenes, detector))
        print(json.dumps(rows[-1]), flush=True)
    print(table(rows))
    if arguments.sheet:
        sheet(scenes, chosen, arguments.sheet)
    if arguments.json:
        conditions = {"pictures": PICTURES, "threads": 1, "machine": machine(), "versions": versions(PACKAGES)}
        arguments.json.write_text(json.dumps({"rows": rows, **conditions}, indent=2) + "\n")


PACKAGES = ("nflows-privacy", "opencv-python-headless", "numpy")

if __name__ == "__main__":
    main()
