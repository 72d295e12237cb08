"""Tiny videos, and a detector of red squares, for tests that need no weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection import Look
from nflows_privacy.masks import Rectangle
from nflows_privacy.regions import Box, Region
from nflows_privacy.video import Filling, redact_video

WIDTH, HEIGHT = 64, 48
SIDE = 10
NO_DATES = {"fflags": "+bitexact"}


class RedSquares:
    """Finds the box of all that is red; in the frames that it is told to miss, nothing."""

    kinds = frozenset({"face"})

    def __init__(self, missing: Sequence[int] = (), kind: str = "face") -> None:
        self.calls: list[tuple[Look, tuple[int, ...]]] = []
        self._missing, self._kind, self._frame = missing, kind, -1

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        self.calls.append((look, pixels.shape))
        whole = pixels.shape[:2] in ((HEIGHT, WIDTH), (WIDTH, HEIGHT))
        self._frame += whole and not look.is_check
        red = (pixels[:, :, 0] > 150) & (pixels[:, :, 1] < 100) & (pixels[:, :, 2] < 100)
        if not red.any() or (whole and self._frame in self._missing):
            return []
        rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
        box = Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
        return [Region(box, self._kind, 0.9)]


class Finds:
    """A detector that always finds the same."""

    kinds = frozenset({"face"})

    def __init__(self, *regions: Region) -> None:
        self.regions = list(regions)

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        return self.regions


def black(
    pixels: NDArray[Any], rectangles: Sequence[Rectangle], seed: int, kinds: Sequence[str] | None = None
) -> NDArray[Any]:
    filled = pixels.copy()
    for rectangle in rectangles:
        filled[rectangle.slices] = 0
    return filled


def unchanged(
    pixels: NDArray[Any], rectangles: Sequence[Rectangle], seed: int, kinds: Sequence[str] | None = None
) -> NDArray[Any]:
    return pixels


def filling(**settings: Any) -> Filling:
    """Black, judged by a detector that finds all that is red."""
    return Filling(**{"fills": [black], "checker": RedSquares(), **settings})


def redact(source: Path, target: Path, **settings: Any) -> dict[str, Any]:
    """A video without what is red."""
    return redact_video(source, target, RedSquares(), filling(), **settings)


def picture(step: int, square: bool = True) -> NDArray[np.uint8]:
    """Noise in blue and green, which stays, and a red square that moves by two pixels a frame."""
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, :, 0] = 0
    if square:
        left = 6 + 2 * step
        pixels[18 : 18 + SIDE, left : left + SIDE] = (255, 0, 0)
    return pixels


def write_video(
    path: Path,
    times: Sequence[int] = tuple(range(8)),
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    unit: Fraction = Fraction(1, 25),
    options: Mapping[str, str] | None = None,
    container: Mapping[str, str] | None = None,
    matrix: Sequence[int] | None = None,
    audio: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
    square: bool = True,
    colours: tuple[int, int] = (5, 1),
    aspect: Fraction = Fraction(1),
) -> Path:
    """Writes a video whose frames are shown at some times, with a second of noise in each audio codec."""
    with av.open(str(path), "w", container_options={**NO_DATES, **(container or {})}) as file:
        stream = file.add_stream(codec, rate=25, options=dict(options or {"qp": "0", "preset": "ultrafast"}))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.time_base = stream.time_base = unit
        stream.codec_context.colorspace, stream.codec_context.color_range = colours
        stream.codec_context.sample_aspect_ratio = aspect
        stream.set_display_matrix(matrix)
        sounds = [_sound(file, name) for name in audio]
        file.metadata.update(metadata or {})
        for step, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(step, square), format="rgb24")
            frame = frame.reformat(format=pixel_format, dst_colorspace=colours[0], dst_color_range=colours[1])
            frame.pts, frame.time_base = time, unit
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        for sound in sounds:
            _write_sound(file, sound)
    return path


def _sound(file: Any, codec: str) -> Any:
    stream = file.add_stream(codec, rate=48000, layout="stereo")
    stream.metadata["language"] = "eng"
    return stream


def _write_sound(file: Any, stream: Any) -> None:
    noise = np.random.default_rng(1).standard_normal((2, 24000)).astype(np.float32) / 10
    frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    context = stream.codec_context
    resampler = av.AudioResampler(format=context.format, layout="stereo", rate=48000, frame_size=context.frame_size)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        file.mux(stream.encode(part))
    file.mux(stream.encode(None))


def planes(path: Path) -> list[tuple[Fraction, Fraction, list[NDArray[Any]]]]:
    """The time, the duration in seconds and the planes of each frame of a video."""
    with av.open(str(path)) as file:
        return [
            (frame.pts * frame.time_base, frame.duration * frame.time_base, _planes(frame))
            for frame in file.decode(video=0)
        ]


def _planes(frame: av.VideoFrame) -> list[NDArray[Any]]:
    dtype = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    return [
        np.frombuffer(memoryview(plane), dtype)
        .reshape(-1, plane.line_size // np.dtype(dtype).itemsize)[: plane.height, : plane.width]
        .copy()
        for plane in frame.planes
    ]


def sound_packets(path: Path) -> list[list[tuple[bytes, Fraction]]]:
    """The bytes and times of the packets of each audio stream."""
    with av.open(str(path)) as file:
        found: dict[int, list[tuple[bytes, Fraction]]] = {stream.index: [] for stream in file.streams.audio}
        for packet in file.demux(*file.streams.audio) if found else ():
            if packet.size:
                found[packet.stream_index].append((bytes(packet), packet.pts * packet.time_base))
        return list(found.values())
