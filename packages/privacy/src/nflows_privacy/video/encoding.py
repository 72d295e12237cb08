"""Which encoder writes a video so that every sample comes back as it was, by its container and pixel format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nflows_privacy.video.marks import light_levels
from nflows_privacy.video.planes import block_of, require_planar

if TYPE_CHECKING:
    import av

_MUXERS = {".avi": "avi", ".m4v": "mp4", ".mkv": "matroska", ".mov": "mov", ".mp4": "mp4", ".webm": "webm"}
_X264 = frozenset(f"yuv{kind}p{deep}" for kind in ("420", "422", "444") for deep in ("", "10le"))
_VP9 = frozenset(("yuv420p", "yuv422p", "yuv440p", "yuv444p"))
_JPEG = frozenset(("yuvj420p", "yuvj422p", "yuvj444p"))
_THREADS = "4"  # the same everywhere, since the bytes depend on them


class Encoding(NamedTuple):
    """An encoder and its settings.

    Arguments:
        codec: The name of the encoder.
        pixel_format: The pixel format that it is given.
        options: Its options.
    """

    codec: str
    pixel_format: str
    options: dict[str, str]


def muxer_of(target: Path) -> str:
    """The container that a file name asks for.

    Raises:
        ValueError: None that is written.
    """
    found = _MUXERS.get(target.suffix.lower())
    if found is None:
        raise ValueError(f"`target`: {target.name}: videos are written as {', '.join(sorted(_MUXERS))}")
    return found


def encoding(muxer: str, image: av.VideoFrame, quality: int | None) -> Encoding:
    """The encoding of frames like one.

    H.264 with a quantizer of 0, VP9's lossless mode in WebM, and FFV1 (RFC 9043) in AVI and where H.264 has not the
    pixel format. AVI does not say that a range is full, but JPEG does: lossless JPEG of such frames (ITU-T T.81, H).

    Arguments:
        muxer: The container, as `muxer_of` gives it.
        image: One of the frames.
        quality: None, so that nothing is lost, or 1 to 100.

    Raises:
        ValueError: The container cannot hold such frames.
    """
    name = image.format.name
    require_planar(name)
    # What is called yuvj is yuv whose range is marked as full, for which only H.264's encoder wants the name.
    plain = name.replace("yuvj", "yuv")
    whole = image.width % block_of(image) == image.height % block_of(image) == 0
    if muxer == "webm" and plain in _VP9:
        return Encoding("libvpx-vp9", plain, _vp9(quality))
    # AVI has no times of presentation, by which H.264 that comes later than it is shown could be put in order.
    if muxer not in ("webm", "avi") and plain in _X264 and whole:
        light = light_levels(image)
        return Encoding("libx264", name, _x264(quality) | ({"x264-params": light} if light else {}))
    if muxer in ("webm", "mov"):
        raise ValueError(f"pixel format {name}: {muxer} holds it with no codec without loss; name a target .mkv")
    if quality is not None:
        raise ValueError(
            f"`quality`: pixel format {name} of {image.width} x {image.height} is written without loss only"
        )
    if muxer == "avi" and name in _JPEG and whole:
        return Encoding("ljpeg", name, {"threads": _THREADS})
    # FFmpeg knows how many slices a size allows.
    options = {"level": "3", "slicecrc": "1", "g": "1", "threads": _THREADS}
    return Encoding("ffv1", plain, options)


def _x264(quality: int | None) -> dict[str, str]:
    common = {"threads": _THREADS, "a53cc": "0"}  # closed captions are no pixels
    if quality is None:
        return common | {"preset": "ultrafast", "qp": "0"}
    return common | {"preset": "faster", "crf": str(_rate_factor(quality))}


def _vp9(quality: int | None) -> dict[str, str]:
    common = {"threads": _THREADS, "row-mt": "1", "cpu-used": "8", "auto-alt-ref": "0", "lag-in-frames": "0"}
    if quality is None:
        return common | {"deadline": "realtime", "lossless": "1"}
    return common | {"deadline": "good", "cpu-used": "5", "b": "0", "crf": str(_rate_factor(quality))}


def _rate_factor(quality: int) -> float:
    """The constant rate factor: 1 of quality 100, 18 of 66, 23 of 56, 50.5 of 1."""
    if not 1 <= quality <= 100:
        raise ValueError(f"`quality`: expected 1 to 100, got {quality}")
    return 1 + (100 - quality) / 2
