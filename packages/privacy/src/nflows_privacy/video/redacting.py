"""A video redacted: its frames are looked at, then filled, looked at again, and filled more until nothing is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from nflows_core.runtime.progress import tell
from nflows_privacy.annotations.found import Found, Regions, require_source
from nflows_privacy.detection import Detector
from nflows_privacy.video.camera import in_frames
from nflows_privacy.video.filling import Filler, Filling
from nflows_privacy.video.finding import tracked
from nflows_privacy.video.reading import Frame, Video, opened
from nflows_privacy.video.writing import writing

_TOLD = 10  # frames from one word about how far it is to the next


def redact_video(
    source: str | Path,
    target: str | Path,
    detector: Detector,
    filling: Filling,
    *,
    quality: int | None = None,
    found: Found | None = None,
) -> dict[str, Any]:
    """Writes a video without what is found in it; every sample outside of the masks stays what it was.

    Arguments:
        source: The video.
        target: The file to write: its name says which container.
        detector: What finds regions.
        filling: What is put in their place.
        quality: None, so that nothing outside of the masks changes, or 1 to 100 for a smaller file.
        found: The regions of all frames, as a person has decided on them, so that none are detected.

    Returns:
        Numbers: the size, frames, boxes by kind, tracks by kind, the masked share of all pixels, what was seen only in
        filled frames, fills that were repeated more strongly, streams of sound that were copied, what was left out.

    Raises:
        OSError: A file cannot be read or written.
        ValueError: The video is damaged or cannot be held by the container, it is not the one in which the regions were
            found, or something is still found at the end.
    """
    source, target = Path(source), Path(target)
    if found is None:
        regions, numbers = find_in_video(source, detector)
    else:
        regions, numbers = _given(source, found), {}
    with opened(source) as video:
        filler = Filler(filling, is_final=found is not None)
        return {**numbers, **_write(video, target, regions, filler, quality), "lossless": quality is None}


def find_in_video(source: str | Path, detector: Detector) -> tuple[tuple[Regions, ...], dict[str, Any]]:
    """The regions of all frames of a video, linked over time, and the number of tracks by kind.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no video, or is damaged.
    """
    with opened(source) as video:
        tracks, motions = tracked(_told(video, video.read(), "looking"), detector)
    return in_frames(tracks, motions), {"tracks": dict(sorted(Counter(track.kind for track in tracks).items()))}


def _given(source: Path, found: Found) -> tuple[Regions, ...]:
    require_source(found, source)
    if found.frames is None:
        raise ValueError(f"{source}: its regions were found as those of a picture, and it is a video; detect again")
    return found.frames


def _write(
    video: Video, target: Path, regions: Sequence[Regions], filler: Filler, quality: int | None
) -> Mapping[str, Any]:
    pieces = _told(video, video.read(video.container.streams.audio), "filling")
    before, first = _up_to_frame(pieces)
    boxes: Counter[str] = Counter()
    count = 0
    with writing(target, video, first, quality) as writer:
        for piece in chain(before, [first], pieces):
            if isinstance(piece, Frame):
                chosen = _chosen(video, regions, count)
                writer.frame(piece, filler(piece, chosen))
                boxes.update(region.kind for region in chosen)
                count += 1
            elif piece.stream_index in writer.copied:
                writer.packet(piece)
        if count < len(regions):
            raise ValueError(f"{video.path}: has {count} frames, and {len(regions)} were looked at; detect again")
    width, height = first.size
    return {
        "size": f"{width} x {height}",
        "frames": count,
        "boxes": dict(sorted(boxes.items())),
        "masked_percent": round(100 * filler.masked / count, 3),
        "seen_again": filler.seen_again,
        "filled_more": filler.filled_more,
        "audio_streams": len(writer.copied),
        "left_out": writer.left_out,
    }


def _chosen(video: Video, regions: Sequence[Regions], frame: int) -> Regions:
    if frame >= len(regions):
        raise ValueError(f"{video.path}: has more frames than the {len(regions)} that were looked at; detect again")
    return regions[frame]


def _up_to_frame(pieces: Iterator[Any]) -> tuple[list[Any], Frame]:
    """The packets before the first frame, and that frame."""
    before: list[Any] = []
    for piece in pieces:
        if isinstance(piece, Frame):
            return before, piece
        before.append(piece)
    raise AssertionError  # reading refuses a video without frames


def _told(video: Video, pieces: Iterator[Any], what: str) -> Iterator[Any]:
    """The same, while it is told how far it is."""
    count = 0
    for piece in pieces:
        if isinstance(piece, Frame):
            if count % _TOLD == 0 and video.seconds > 0:
                tell(f"{video.path.name}, {what}, {min(99, int(100 * float(piece.time) / video.seconds))}%")
            count += 1
        yield piece
