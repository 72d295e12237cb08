"""Videos redacted beside deface, as a user runs both: frames a second, and frames in which a face was missed.

python video.py FOLDER --deface PATH [--frames 60] [--json results/NAME.json]

FOLDER holds test_video.mp4, test_face_video.mp4 and test_lp_video.mp4 of EgoBlur's demo assets; the last shows no face.
PATH is its program, of an environment of its own. Both get the same first frames, one after the other, in processes
of their own, which start included; ours is without loss, looked at again and with sound, deface's as it is by default.
What is left is what a thorough look finds in the results, with a score of at least .8.

A frame counts as missed where a face, which a thorough look at the whole frame of full size finds with a score of at
least .8, does not lie in a region grown by 1.3. Where detections are dropped, frames are linked without further looks.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.report import machine, versions
from nflows_privacy.detection import DetectorSettings, Look, load_detector
from nflows_privacy.fills import Fill, FillSettings, load_fill, stronger
from nflows_privacy.regions import Region
from nflows_privacy.video import Filling, opened, redact_video
from nflows_privacy.video.camera import Camera, Motion, in_frames, steadied
from nflows_privacy.video.finding import tracked
from nflows_privacy.video.linking import linked
from nflows_privacy.video.reading import Frame

NAMES = ("test_video.mp4", "test_face_video.mp4", "test_lp_video.mp4")
SIZES = {"1": 1.0, "1/8": 1 / 8, "1/16": 1 / 16}
DETECTOR = DetectorSettings(("yunet",))
MOST_DROPPED, DRAWS = 5, 20
SURE = 0.8
PACKAGES = ("av", "onnxruntime", "opencv-python-headless", "numpy")
Pixels = NDArray[np.uint8]
Frames = Sequence[Sequence[Region]]


class Shrunk:
    """A frame of another size, as far as it is looked at."""

    def __init__(self, pixels: Pixels, scale: float) -> None:
        size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
        self._pixels = pixels if scale == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)

    def rgb(self) -> Pixels:
        return cast(Pixels, self._pixels)

    def views(self) -> Iterator[Pixels]:
        yield self.rgb()


def redact(source: str, target: str) -> None:
    """What the timed process of ours does."""
    fills: list[Fill] = []
    settings: FillSettings | None = FillSettings()
    while settings is not None:
        fills.append(load_fill(settings))
        settings = stronger(settings)
    detector = load_detector(DETECTOR)
    redact_video(source, target, detector, Filling(fills, detector))


def cut(source: Path, target: Path, frames: int) -> int:
    """The first frames of a video as they are, and how many there are."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for count, packet in enumerate(old.demux(old.streams.video[0])):
            if packet.dts is None or count == frames:
                return count
            packet.stream = stream
            new.mux(packet)
    raise AssertionError


def timed(command: Sequence[str | Path], frames: int) -> dict[str, float]:
    before, start = _processor(), time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    seconds, processor = time.perf_counter() - start, _processor() - before
    return {"frames_per_second": frames / seconds, "frames_per_processor_second": frames / processor}


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def side_by_side(source: Path, frames: int, deface: Path) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        short = Path(folder, "short.mp4")
        count = cut(source, short, frames)
        paths = {name: Path(folder, f"{name}.mp4") for name in ("ours", "deface")}
        commands = {
            "ours": [sys.executable, __file__, "--redact", short, paths["ours"]],
            "deface": [deface, short, "-o", paths["deface"]],
        }
        result: dict[str, Any] = {name: timed(command, count) for name, command in commands.items()}
        for name, path in paths.items():
            result[name]["frames_with_a_face_left"] = sum(1 for found in _looks(path) if _sure(found))
            for unit in ("second", "processor_second"):
                rates = (result[one][f"frames_per_{unit}"] for one in (name, "deface"))
                result[name][f"times_those_of_deface_per_{unit}"] = next(rates) / next(rates)
        return {"frames": count, **result}


def _looks(path: Path) -> Iterable[list[Region]]:
    detector = load_detector(DETECTOR)
    with opened(path) as video:
        yield from (detector(frame.rgb(), Look.THOROUGH) for frame in video.frames())


def _sure(regions: Iterable[Region]) -> list[Region]:
    return [region for region in regions if region.score >= SURE]


def missed(truth: Frames, found: Frames, scale: float = 1) -> int:
    """The frames in which a face of full size does not lie in what was found at another size."""
    return sum(
        not all(_is_held(face, regions, scale) for face in faces) for faces, regions in zip(truth, found, strict=True)
    )


def _is_held(face: Region, regions: Iterable[Region], scale: float) -> bool:
    left, top, right, bottom = face.box.scaled(scale, scale)
    masks = (region.box.grown(1.3) for region in regions)
    slack = 1.0  # pixel, of where a network puts an edge
    return any(
        mask.left <= left + slack
        and mask.top <= top + slack
        and mask.right >= right - slack
        and mask.bottom >= bottom - slack
        for mask in masks
    )


def recall(source: Path, frames: int) -> dict[str, Any]:
    detector = load_detector(DETECTOR)
    with opened(source) as video:
        pixels = [frame.rgb() for _, frame in zip(range(frames), video.frames(), strict=False)]
    truth = [_sure(detector(one, Look.THOROUGH)) for one in pixels]
    result: dict[str, Any] = {"frames": len(pixels), "faces": sum(map(len, truth))}
    for name, scale in SIZES.items():
        tracks, motions = tracked((cast(Frame, Shrunk(one, scale)) for one in pixels), detector)
        found = in_frames(tracks, motions)
        boxes = sum(len(track.places) for track in tracks)
        result[name] = {
            "missed_frames": missed(truth, found, scale),
            "detected_boxes": boxes,
            "boxes": sum(map(len, found)),
        }
    return {**result, "missed_frames_of_dropped": dropped(truth, list(map(Camera(), pixels)))}


def dropped(truth: Frames, motions: Sequence[Motion]) -> dict[str, int]:
    """Missed frames over many draws, where so many detections in a row are dropped."""
    steady = [steadied(faces, moved) for faces, moved in zip(truth, motions, strict=True)]
    generator = np.random.default_rng(0)
    counts: dict[str, int] = {}
    for most in range(1, MOST_DROPPED + 1):
        starts = generator.integers(0, len(truth) - most, DRAWS) if any(truth) else []
        left = ([[] if start <= one < start + most else faces for one, faces in enumerate(steady)] for start in starts)
        counts[str(most)] = sum(missed(truth, in_frames(linked(frames), motions)) for frames in left)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--deface", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    videos = {}
    for name in NAMES:
        source = given.folder / name
        videos[name] = {**side_by_side(source, given.frames, given.deface), "recall": recall(source, given.frames)}
        print(name, json.dumps(videos[name]), flush=True)
    result = {"machine": machine(), "versions": versions(PACKAGES), "frames": given.frames, "videos": videos}
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--redact"]:
        redact(*sys.argv[2:4])
    else:
        main()
