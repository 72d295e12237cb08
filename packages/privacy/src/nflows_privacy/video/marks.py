"""What frames say besides their samples, and what of it another file does not say."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

Marks = set[tuple[str, int]]

_SILENT = {
    "colour range": (0, 1),  # what says nothing is limited
    "colour matrix": (2,),
    "colour primaries": (2,),
    "colour transfer": (2,),
    "interlacing": (0,),
}
"""The marks that every frame has, and their values that say nothing (ITU-T H.273)."""


def marks_of(image: av.VideoFrame) -> Marks:
    """What a frame says: what its samples mean, and what else came with it, as light levels, captions, time codes."""
    beside: Any = image.side_data
    values = (
        2 if "yuvj" in image.format.name else int(image.color_range),
        int(image.colorspace),
        int(image.color_primaries),
        int(image.color_trc),
        int(image.interlaced_frame),
    )
    said = {(name, value) for (name, silent), value in zip(_SILENT.items(), values, strict=True) if value not in silent}
    return said | {(one.type.name.lower().replace("_", " "), 1) for one in beside}


def light_levels(image: av.VideoFrame) -> str:
    """The mastering display (SMPTE ST 2086) and the light levels (CTA-861.3) of a frame, in the words of x264.

    FFmpeg has ten fractions for the display, the primaries red, green and blue, the white point, and the least and most
    luminance in cd/m2; x264 has whole numbers, in units of 1/50000 and 1/10000.
    """
    beside: Any = image.side_data
    found = {one.type.name: bytes(one) for one in beside}
    words = []
    if display := found.get("MASTERING_DISPLAY_METADATA"):
        *parts, has_primaries, has_luminance = struct.unpack_from("=22i", display)
        values = [above / max(below, 1) for above, below in zip(parts[::2], parts[1::2], strict=True)]
        (rx, ry, gx, gy, bx, by, wx, wy), (low, high) = (
            [round(unit * value) for value in some] for unit, some in ((50_000, values[:8]), (10_000, values[8:]))
        )
        if has_primaries and has_luminance:
            words.append(f"mastering-display=G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({high},{low})")
    if light := found.get("CONTENT_LIGHT_LEVEL"):
        words.append("cll={},{}".format(*struct.unpack_from("=2I", light)))
    return ":".join(words)


def lost(before: Marks, after: Marks) -> list[str]:
    """The names of what is not said any more, in order."""
    return sorted({name for name, _ in before - after})
