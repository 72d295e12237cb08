"""Video files: their frames in the order of presentation, and beside them what is copied."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.files import unicode_name
from nflows_privacy.levels import is_narrow, spread
from nflows_privacy.regions import Box
from nflows_privacy.video.intact import require_whole
from nflows_privacy.video.turn import Turn

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

_MOST_ASPECT = 8
_THREADS = 4  # of the decoder: what it gives does not depend on them


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a video.

    Arguments:
        image: The samples as they are stored.
        turn: The way to turn them upright.
        pts: The time of presentation, in units of the time base.
        duration: The time that it is shown, in the same units; 0 where the file does not say.
        time_base: The unit of time in seconds.
        matrix: The nine numbers of the file's display matrix, if it has one.
        aspect: How many times as wide as high a stored sample is shown.
    """

    image: av.VideoFrame
    turn: Turn
    pts: int
    duration: int
    time_base: Fraction
    matrix: tuple[int, ...] | None
    aspect: Fraction = Fraction(1)

    @property
    def time(self) -> Fraction:
        """The time of presentation in seconds."""
        return self.pts * self.time_base

    @property
    def size(self) -> tuple[int, int]:
        """The width and height on a screen, whose pixels are as wide as high: no side is less than is stored."""
        aspect = float(self.aspect)
        width, height = self.image.width * max(aspect, 1), self.image.height / min(aspect, 1)
        return self.turn.size(round(width), round(height))

    def rgb(self) -> NDArray[np.uint8]:
        """The pixels :math:`(H, W, 3)` as a screen shows them, in 8 bits."""
        return self._shown(self.image.to_ndarray(format="rgb24"))

    def views(self) -> Iterator[NDArray[np.uint8]]:
        """What a screen may show of it: the pixels, and each of the two moments that an interlaced frame holds.

        And what a few bits in samples of 16, as of thermal cameras, show once their levels are spread.
        """
        stored = self.image.to_ndarray(format="rgb24")
        yield self._shown(stored)
        if self.image.interlaced_frame and len(stored) > 1:
            yield from (self._shown(stored[first::2]) for first in (0, 1))
        if self.image.format.name.startswith("gray16") and is_narrow(samples := self.image.to_ndarray()):
            yield self._shown(np.repeat(spread(samples)[..., None], 3, axis=2))

    def stored(self, box: Box) -> Box:
        """The place in the stored samples of a box on the screen."""
        width, height = self.turn.size(self.image.width, self.image.height)
        across, down = self.size
        turned = box.scaled(width / across, height / down)
        return self.turn.stored(turned, self.image.width, self.image.height)

    def _shown(self, stored: NDArray[Any]) -> NDArray[np.uint8]:
        import cv2

        pixels: NDArray[np.uint8] = self.turn.upright(stored)
        if pixels.shape[1::-1] == self.size:
            return pixels
        return cv2.resize(pixels, self.size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)


class Video:
    """An open video file; `opened` makes one."""

    def __init__(self, path: Path, container: InputContainer, stream: VideoStream) -> None:
        self.path = path
        self.container = container
        self.stream = stream
        # AVI has none of presentation; a guess is late by what a decoder may hold, packets in order are not.
        self._has_no_times = container.format.name == "avi"
        self.seconds = container.duration / 1e6 if container.duration else math.nan
        self.unshown = 0
        """Stored frames that no player shows, of those that were read."""

    def hidden(self) -> list[str]:
        """What the file shows besides its frames, or holds without showing it, once these were read."""
        others = (stream for stream in self.container.streams if stream is not self.stream)
        found = [name for stream in others if (name := _picture_stream(stream))]
        return [*found, f"{self.unshown} frames that no player shows"] if self.unshown else found

    def frames(self) -> Iterator[Frame]:
        """The frames in the order of presentation.

        Raises:
            ValueError: The file is damaged, or there are no frames.
        """
        return (frame for frame in self.read() if isinstance(frame, Frame))

    def read(self, copied: Collection[Any] = ()) -> Iterator[Frame | av.Packet[Any]]:
        """The frames in the order of presentation, and between them the packets of other streams as the file has them.

        Arguments:
            copied: The streams whose packets are wanted.

        Raises:
            ValueError: The file is damaged, its frames go back in time, or there are none.
        """
        last: Frame | None = None
        for found in self._read(copied):
            if isinstance(found, Frame):
                self._require_in_order(last, found)
                last = found
            yield found
        if last is None:
            raise ValueError(f"{self.path}: its video has no frames")

    def _read(self, copied: Collection[Any]) -> Iterator[Frame | av.Packet[Any]]:
        import av

        time = 0.0
        waiting: deque[int] = deque()
        try:
            for packet in self.container.demux([self.stream, *copied]):
                if packet.is_corrupt:
                    raise self._damaged(time)
                if packet.stream != self.stream:
                    if packet.dts is not None:
                        yield packet
                    continue
                self.unshown += packet.is_discard and packet.size > 0
                if packet.dts is not None and (packet.pts is None or self._has_no_times):
                    waiting.append(packet.dts)
                for image in packet.decode():
                    frame = self._frame(image, waiting)
                    time = float(frame.time)
                    yield frame
        except (av.FFmpegError, EOFError) as error:
            raise self._damaged(time) from error

    def _frame(self, image: Any, waiting: deque[int]) -> Frame:
        pts = waiting.popleft() if waiting else image.pts
        if image.is_corrupt or pts is None:
            raise ValueError(f"{self.path}: damaged: there is a frame that is not whole, or has no time")
        if not _is_opaque(image):
            raise ValueError(f"{self.path}: is partly transparent, which is not looked at; write it without alpha")
        found = image.side_data.get("DISPLAYMATRIX")
        matrix = None if found is None else tuple(np.frombuffer(bytes(found), np.int32)[:9].tolist())
        turn = Turn.of_matrix(matrix) if matrix else Turn()
        unit = Fraction(image.time_base)
        return Frame(image, turn, pts, image.duration or 0, unit, matrix, _aspect(self.stream))

    def _damaged(self, time: float) -> ValueError:
        return ValueError(f"{self.path}: damaged after {time:.2f} s; copy it again from where it came from")

    def _require_in_order(self, last: Frame | None, frame: Frame) -> None:
        if last is None:
            return
        if frame.pts <= last.pts:
            raise ValueError(f"{self.path}: damaged: two of its frames are shown at {float(frame.time):.3f} s")
        if (frame.image.width, frame.image.height, frame.image.format.name, frame.matrix) != (
            last.image.width,
            last.image.height,
            last.image.format.name,
            last.matrix,
        ):
            raise ValueError(
                f"{self.path}: its frames change size or format at {float(frame.time):.2f} s; cut it there into two"
            )


@contextmanager
def opened(path: str | Path) -> Iterator[Video]:
    """A video file, open until the block ends.

    Raises:
        OSError: It cannot be opened.
        ValueError: It is no video, was cut short, or has no video stream.
    """
    import av

    require_whole(Path(path))
    with unicode_name(path) as name:
        try:
            container = av.open(str(name))
        except av.FFmpegError as error:
            raise ValueError(f"{path}: no video that can be read ({error.strerror})") from error
        with container:
            yield Video(Path(path), container, _video_stream(Path(path), container))


def _aspect(stream: VideoStream) -> Fraction:
    """How many times as wide as high a sample is shown; what no camera has is taken for damage, as players do."""
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    return aspect if 1 / _MOST_ASPECT <= aspect <= _MOST_ASPECT else Fraction(1)


def _is_opaque(image: Any) -> bool:
    if not any(component.is_alpha for component in image.format.components):
        return True
    return bool((image.to_ndarray(format="rgba")[..., 3] == 255).all())


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    found = [stream for stream in container.streams.video if not is_cover(stream)]
    if not found:
        raise ValueError(f"{path}: has no video stream")
    stream = found[0]
    stream.thread_type, stream.thread_count = "AUTO", _THREADS
    # A decoder makes up what it cannot read unless it is told not to.
    stream.codec_context.options = {"err_detect": "explode"}
    return stream


def _picture_stream(stream: Any) -> str | None:
    """What a stream is that may hold pictures."""
    if stream.type == "video":
        return "a cover" if is_cover(stream) else "a second video"
    return "an attachment" if stream.type == "attachment" else None


def is_cover(stream: Any) -> bool:
    """Whether a stream is a picture that stands for the file, and no video."""
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))
