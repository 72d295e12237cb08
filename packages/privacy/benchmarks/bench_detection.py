"""Our default detector of faces beside that of deface, on the same pictures, in one run.

python bench_detection.py PRIVACY --heads FOLDER [--peer PYTHON] [--json results/NAME.json]

PRIVACY and the folder of heads are those called privacy and sr which tools/download_data.py leaves: the first has a
crossing, stills and short videos of consenting people and of parked cars, and street scenes; on these, heads of the
second are pasted, of the pictures that faces.json names. PYTHON has deface (pip install deface); without it, ours is
measured alone.

Each runs on one thread, and times are the processor's. A face is found by a box whose intersection over union with its
own is above .3; a box that has this with no face is a false one. Some of the street scenes have passers-by, whose faces
count as false boxes of whoever finds them. The peer is measured at its own threshold, .2, and at the one by which it
finds as many faces of the crowds as ours. The crossing and the cars were looked at while ours was made; no constant was
chosen on these heads and scenes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from crowd import crowds, find_heads, read_faces, read_picture
from numpy.typing import NDArray

from nflows_core.runtime.report import machine, versions
from nflows_privacy.detection import DetectorSettings, Look, load_detector
from nflows_privacy.detection.passes import resized
from nflows_privacy.regions import Box, boxes_array, iou

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float64]

HERE = Path(__file__).parent
WIDTHS = (8, 12, 16, 24, 32, 64, 200)
PEER_THRESHOLD = 0.2


@dataclass(frozen=True)
class Example:
    """A picture with its faces, in a set of such."""

    of: str
    pixels: Pixels
    faces: Boxes


@dataclass(frozen=True)
class Answer:
    """What a detector found in a picture: boxes and their scores, and the seconds it took."""

    boxes: Boxes
    scores: NDArray[np.float64]
    seconds: float


def examples(folder: Path, heads: Path, crowd_count: int) -> Iterator[Example]:
    faces = read_faces(HERE / "faces.json")
    city = read_picture(folder / "city.jpg")
    still = read_picture(folder / "egoblur" / "test_face_image.png")
    for factor in (1, 2, 4):
        yield _smaller(f"crossing 1/{factor}", city, faces["city.jpg"], factor)
    for factor in (1, 8, 16):
        yield _smaller(f"faces near by 1/{factor}", still, faces["test_face_image.png"], factor)
    yield _smaller("cars", read_picture(folder / "egoblur" / "test_lp_image.png"), [], 1)
    for pixels in _frames(folder / "egoblur" / "test_lp_video.mp4"):
        yield _smaller("cars, video", pixels, [], 1)
    scenes = sorted((folder / "signs" / "images").glob("*.jpg"))[61::2][:crowd_count]
    known = find_heads([heads], faces)
    for pixels, boxes in crowds(scenes, known, seed=11):
        yield _smaller("crowds", pixels, boxes, 1)
    for pixels, boxes in crowds(scenes, known, seed=12):
        yield _smaller("crowds 1/2", pixels, boxes, 2)


def ours(look: Look, pictures: Sequence[Example]) -> list[Answer]:
    cv2.setNumThreads(1)
    detector = load_detector(DetectorSettings(("yunet",)))
    detector(pictures[0].pixels, look)
    answers = []
    for picture in pictures:
        begin = time.process_time()
        found = detector(picture.pixels, look)
        seconds = time.process_time() - begin
        answers.append(Answer(boxes_array(found), np.array([region.score for region in found]), seconds))
    return answers


def peer(python: Path, pictures: Sequence[Example]) -> list[Answer]:
    with TemporaryDirectory() as folder:
        for number, picture in enumerate(pictures):
            cv2.imwrite(f"{folder}/{number:05}.png", cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2BGR))
        command = [str(python), str(HERE / "peer_centerface.py"), folder]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    told = json.loads(done.stdout.splitlines()[-1])
    rows = [(np.array(boxes).reshape(-1, 5), seconds) for _, (boxes, seconds) in sorted(told.items())]
    return [Answer(found[:, :4], found[:, 4], seconds) for found, seconds in rows]


def table(pictures: Sequence[Example], answers: Sequence[Answer], threshold: float) -> dict[str, dict[str, Any]]:
    """Of each set: faces, those found, false boxes, seconds a picture."""
    sets: dict[str, dict[str, Any]] = {}
    for picture, answer in zip(pictures, answers, strict=True):
        row = sets.setdefault(picture.of, {"pictures": 0, "faces": 0, "found": 0, "false": 0, "seconds": 0.0})
        found, false = _counts(picture.faces, answer, threshold)
        new = {"pictures": 1, "faces": len(found), "found": int(found.sum()), "false": false, "seconds": answer.seconds}
        row.update({name: row[name] + value for name, value in new.items()})
    for row in sets.values():
        row["seconds"] = round(row["seconds"] / row["pictures"], 4)
    return sets


def recall_by_width(pictures: Sequence[Example], answers: Sequence[Answer], threshold: float) -> dict[str, float]:
    """The share of the crowds' faces that are found, by their width in pixels."""
    crowd = [(one, answer) for one, answer in zip(pictures, answers, strict=True) if one.of.startswith("crowds")]
    found = np.concatenate([_counts(one.faces, answer, threshold)[0] for one, answer in crowd])
    widths = np.concatenate([one.faces[:, 2] - one.faces[:, 0] for one, _ in crowd])
    return {
        f"{low}-{high}": round(float(found[(widths >= low) & (widths < high)].mean()), 3)
        for low, high in pairwise(WIDTHS)
    }


def equal_threshold(pictures: Sequence[Example], answers: Sequence[Answer], recall: int) -> float | None:
    """The highest threshold by which as many faces of the crowds are found; none if there is no such."""
    thresholds = np.arange(0.9, 0.045, -0.01)
    reached = (one for one in thresholds if _found_in_crowds(table(pictures, answers, float(one))) >= recall)
    threshold = next(reached, None)
    return None if threshold is None else round(float(threshold), 2)


def _found_in_crowds(rows: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(row["found"] for name, row in rows.items() if name.startswith("crowds"))


def _counts(faces: Boxes, answer: Answer, threshold: float) -> tuple[NDArray[np.bool_], int]:
    overlap = iou(faces, answer.boxes[answer.scores >= threshold]) > 0.3
    return overlap.any(axis=1), int((~overlap.any(axis=0)).sum())


def _smaller(name: str, pixels: Pixels, faces: Sequence[Box], factor: int) -> Example:
    boxes = np.array(faces, dtype=np.float64).reshape(-1, 4) / factor
    return Example(name, resized(pixels, 1 / factor), boxes)


def _frames(path: Path) -> Iterator[Pixels]:
    video = cv2.VideoCapture(str(path))
    while (read := video.read())[0]:
        yield cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--heads", type=Path, required=True)
    parser.add_argument("--crowds", type=int, default=40)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    pictures = list(examples(given.folder, given.heads, given.crowds))
    answers = {f"yunet {look.value}": (ours(look, pictures), 0.0) for look in Look}
    if given.peer:
        found = peer(given.peer, pictures)
        answers["deface"] = (found, PEER_THRESHOLD)
        goal = _found_in_crowds(table(pictures, answers["yunet thorough"][0], 0))
        if threshold := equal_threshold(pictures, found, goal):
            answers[f"deface at {threshold}, equal recall"] = (found, threshold)
    result = {
        name: {"sets": table(pictures, *answer), "recall_by_width": recall_by_width(pictures, *answer)}
        for name, answer in answers.items()
    }
    text = json.dumps(
        {"detectors": result, "versions": versions(["onnxruntime", "opencv-python-headless"]), **machine()}, indent=1
    )
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
