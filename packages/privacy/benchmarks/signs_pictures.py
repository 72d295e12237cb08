"""The four pictures of docs/signs.md, of made-up roads: found, erased, with decoys, and what was looked at.

python packages/privacy/benchmarks/signs_pictures.py DETECTOR OUTPUT.png

DETECTOR is the run of a detector of traffic signs. The categoriser learns from made-up roads of its own here, some
minutes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images import read_picture
from nflows_core.runtime.pictures.thumbnails import as_png
from nflows_privacy.fills import FillSettings, load_fill
from nflows_privacy.masks import MASK_SCALE, Rectangle, cover
from nflows_privacy.missing.categoriser import Said
from nflows_privacy.missing.reasons import shown_reasons
from nflows_privacy.missing.runs import load_categoriser, read_run
from nflows_privacy.missing.scenes import Scene, read_scenes
from nflows_privacy.regions import Box
from nflows_privacy.training.predicting import predict
from nflows_privacy.training.runs import load_network
from nflows_privacy.training.runs import read_run as read_detector

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "packages" / "privacy" / "tests"))
from made_up_roads import KINDS, NOTHING, write_roads  # noqa: E402

_EACH, _SHOWN, _LEAST = 60, "right-hand-curve", 0.55
_YELLOW = (255, 210, 0)

Pixels = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        boxes = write_roads(folder, {**dict.fromkeys(KINDS, _EACH), NOTHING: _EACH}, 1)
        app("erase", folder / "images", "--boxes", boxes, "--scenes", folder / "scenes.csv", "-o", folder / "erased")
        app("categorise", folder / "erased", "-o", folder / "run")
        scene = chosen(folder / "erased")
        original = read_picture(folder / "images" / scene.source).pixels
        options.output.write_bytes(as_png(sheet(original, scene, options.detector, folder / "run")))


def app(*words: str | Path) -> None:
    subprocess.run([sys.executable, ROOT / "apps" / "missing_signs", *words], check=True)


def chosen(erased: Path) -> Scene:
    """The scene with the largest sign of a kind."""
    scenes = [scene for scene in read_scenes(erased) if scene.is_missing and scene.context == _SHOWN]
    return max(scenes, key=lambda scene: max(hole.right - hole.left for hole in signs(scene)))


def signs(scene: Scene) -> list[Rectangle]:
    return [hole for hole, is_sign in zip(scene.holes, scene.is_erased, strict=True) if is_sign]


def sheet(original: Pixels, scene: Scene, detector: Path, run: Path) -> Pixels:
    found = outlined(original, boxes_of(original, detector))
    only = load_fill(FillSettings("telea"))(original, signs(scene), 0)
    decoys = read_picture(scene.path).pixels
    categoriser = load_categoriser(run)
    said: Said = categoriser(decoys, scene.holes)
    reasons = categoriser.reasons(decoys, read_run(run).classes.index(_SHOWN))
    seen = shown_reasons(decoys, scene.holes, said.holes, reasons)
    return np.vstack([np.hstack([found, only]), np.hstack([decoys, seen])])


def boxes_of(pixels: Pixels, detector: Path) -> list[Rectangle]:
    run = read_detector(detector)
    corners, _, _ = predict(load_network(detector, run), pixels, _LEAST)
    places = (cover(Box(*box).grown(MASK_SCALE), *pixels.shape[:2]) for box in corners.tolist())
    return [place for place in places if place is not None]


def outlined(pixels: Pixels, places: list[Rectangle]) -> Pixels:
    drawn = pixels.copy()
    for top, left, bottom, right in places:
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), _YELLOW, 1)
    return drawn


if __name__ == "__main__":
    main()
