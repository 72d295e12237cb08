"""Video files written: frames encoded, sound copied, and nothing else of the source."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nflows_core.runtime.files import atomic_write
from nflows_privacy.video.encoding import Encoding, encoding, muxer_of
from nflows_privacy.video.marks import Marks, lost, marks_of
from nflows_privacy.video.planes import copied
from nflows_privacy.video.reading import Frame, Video, is_cover, opened

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_LARGEST_TIMESCALE = 2**31 - 1


class Writer:
    """An open video file that is being written; `writing` makes one.

    Attributes:
        copied: The streams of the source whose packets are to be given to `packet`, by their index.
        left_out: What the file does not hold of the source, in words.
    """

    def __init__(self, container: OutputContainer, video: VideoStream, encoding: Encoding) -> None:
        self._container = container
        self._video = video
        self._encoding = encoding
        self._durations: dict[int, int] = {}
        self._marks: Marks = set()
        self.copied: dict[int, Any] = {}
        self.left_out: list[str] = []

    def frame(self, frame: Frame, filled: av.VideoFrame) -> None:
        """Writes what is in the place of a frame of the source, at its time."""
        self._marks |= marks_of(frame.image)
        wanted = self._encoding.pixel_format
        image = filled if filled.format.name == wanted else copied(filled, wanted)
        image.pts, image.time_base = frame.pts, frame.time_base
        image.pict_type = 0  # that of the source would be forced on the encoder
        self._durations[frame.pts] = frame.duration
        self._mux(self._video.encode(image))

    def packet(self, packet: av.Packet[Any]) -> None:
        """Writes a packet of a copied stream."""
        packet.stream = self.copied[packet.stream_index]
        self._container.mux_one(packet)

    def end(self) -> None:
        """Writes the frames that the encoder still holds."""
        self._mux(self._video.encode(None))

    def check(self, path: Path) -> None:
        """Reads the beginning of the file that was written, and says what it does not say of its frames any more."""
        with opened(path) as written:
            marks = marks_of(next(written.frames()).image)
        self.left_out += [f"{name} left out" for name in lost(self._marks, marks)]

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts or 0, 0)
            self._container.mux_one(packet)


class _Noting:
    """A file that keeps what its disk complains of, which PyAV forgets."""

    def __init__(self, file: IO[bytes]) -> None:
        self.error: OSError | None = None
        self.seek, self.tell, self._write = file.seek, file.tell, file.write

    def write(self, data: bytes) -> int:
        try:
            return self._write(data)
        except OSError as error:
            self.error = error
            raise


@contextmanager
def writing(target: Path, source: Video, first: Frame, quality: int | None) -> Iterator[Writer]:
    """A video file, under its name when the block ends, and not at all if it fails.

    The times of frames, the display matrix, the aspect of samples, and what the samples mean (range, primaries,
    transfer, matrix) are those of the source; tags, chapters, subtitles, covers and data are left out.

    Arguments:
        target: The file.
        source: The source of the frames and of the sound.
        first: The first frame of the source.
        quality: None, so that nothing is lost, or 1 to 100.

    Raises:
        OSError: The file cannot be written.
        ValueError: The container cannot hold the frames.
    """
    import av

    muxer = muxer_of(target)
    chosen = encoding(muxer, first.image, quality)
    with atomic_write(target) as temporary:
        file = _Noting(temporary)
        try:
            with av.open(file, "w", format=muxer, container_options=_options(muxer, source, first)) as container:
                writer = Writer(container, _video_stream(container, source, first, chosen), chosen)
                _add_others(writer, container, source)
                container.start_encoding()
                _require_times(container, writer, first)
                yield writer
                writer.end()
        except av.FFmpegError as error:
            if file.error is not None:
                raise OSError(file.error.errno, file.error.strerror, str(target)) from error
            raise ValueError(f"{target}: {muxer} cannot hold what is in {source.path} ({error.strerror})") from error
        temporary.flush()
        writer.check(Path(temporary.name))


def _options(muxer: str, source: Video, first: Frame) -> dict[str, str]:
    options = {"fflags": "+bitexact"}
    if muxer not in ("mp4", "mov"):
        return options
    video = first.time_base.denominator
    # Where tracks begin is counted in the movie's unit, a millisecond unless it is told another.
    every = math.lcm(video, *(Fraction(audio.time_base or 1).denominator for audio in source.container.streams.audio))
    movie = every if every <= _LARGEST_TIMESCALE else video
    return options | {"video_track_timescale": str(video), "movie_timescale": str(movie)}


def _video_stream(container: OutputContainer, source: Video, first: Frame, chosen: Encoding) -> VideoStream:
    rate = source.stream.average_rate or Fraction(25)
    stream: Any = container.add_stream(chosen.codec, rate=rate, options=dict(chosen.options))
    image, context, of_source = first.image, stream.codec_context, source.stream.codec_context
    context.width, context.height, context.pix_fmt = image.width, image.height, chosen.pixel_format
    context.time_base = stream.time_base = first.time_base
    if of_source.sample_aspect_ratio:
        context.sample_aspect_ratio = of_source.sample_aspect_ratio
    context.color_range = 2 if "yuvj" in image.format.name else image.color_range
    context.colorspace, context.color_trc = image.colorspace, image.color_trc
    context.color_primaries = image.color_primaries
    stream.set_display_matrix(first.matrix)
    video: VideoStream = stream
    return video


def _add_others(writer: Writer, container: OutputContainer, source: Video) -> None:
    """Adds the streams that are copied, and says which are left out."""
    for stream in source.container.streams:
        if stream is source.stream:
            continue
        what = f"{'cover' if stream.type == 'video' and is_cover(stream) else stream.type} stream {stream.index}"
        codec = stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
        if stream.type == "video" and not is_cover(stream):
            raise ValueError(f"{source.path}: has a second video, {what} ({codec}); write each into a file of its own")
        if stream.type != "audio":
            writer.left_out.append(f"{what} ({codec}) left out")
        elif not _can_hold(container.format.name, codec) or not _added(writer, container, stream):
            writer.left_out.append(f"{what} ({codec}) left out: {container.format.name} cannot hold it")
    if source.container.chapters():
        writer.left_out.append(f"{len(source.container.chapters())} chapters left out")
    tags = set(source.container.metadata).union(*(stream.metadata for stream in source.container.streams))
    tags -= {"compatible_brands", "language", "major_brand", "minor_version"}
    if tags:
        writer.left_out.append(f"tags left out: {', '.join(sorted(tags))}")


def _can_hold(muxer: str, codec: str) -> bool:
    """Whether there is any use in trying; AVI counts the times of other codecs by bytes, which are not constant."""
    return codec != "unknown" and (muxer != "avi" or codec == "mp3" or codec.startswith("pcm_"))


def _added(writer: Writer, container: OutputContainer, stream: Any) -> bool:
    try:
        added = container.add_stream_from_template(stream)
    except ValueError:
        return False
    if stream.language:
        added.metadata["language"] = stream.language
    added.disposition = stream.disposition
    writer.copied[stream.index] = added
    return True


def _require_times(container: OutputContainer, writer: Writer, first: Frame) -> None:
    """Says where a container counts time more coarsely than the source; AVI, which counts frames, must not."""
    unit = writer._video.time_base or Fraction(1)
    if (first.time_base / unit).denominator == 1:
        return
    if container.format.name == "avi":
        raise ValueError(f"`target`: avi cannot hold times in units of {first.time_base} s; name a target .mkv")
    writer.left_out.append(f"times rounded to {unit} s, the unit of {container.format.name}")
