"""Parts of stored frames as RGB, and back, so that every sample outside of the masks stays what it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.masks import Rectangle, cover
from nflows_privacy.regions import Box

if TYPE_CHECKING:
    import av

_CONTEXT = 1.0  # how far around a rectangle a fill is shown the picture, in its sides


def require_planar(name: str) -> None:
    """Checks that frames of a pixel format can be written sample by sample.

    Raises:
        ValueError: They are packed, have a palette, or are RGB.
    """
    import av

    layout = av.VideoFormat(name, 16, 16)
    components = layout.components
    own_planes = len({component.plane for component in components}) == len(components)
    if layout.is_rgb or layout.has_palette or layout.is_big_endian or layout.is_bit_stream or not own_planes:
        raise ValueError(f"pixel format {name}: only planar YUV and grey are redacted; convert it, as to yuv444p")


def block_of(image: av.VideoFrame) -> int:
    """The side of the square of pixels that share a sample of colour: 1, 2 or 4."""
    steps = [_steps(image, index) for index in range(len(image.planes))]
    return max(max(pair) for pair in steps)


def samples(image: av.VideoFrame, index: int) -> NDArray[Any]:
    """A plane of a frame, :math:`(H, W)`, uint8 or uint16, as a view."""
    plane = image.planes[index]
    dtype = np.uint16 if image.format.components[0].bits > 8 else np.uint8
    rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // np.dtype(dtype).itemsize)
    view: NDArray[Any] = rows[: plane.height, : plane.width]
    return view


def copied(image: av.VideoFrame, name: str | None = None) -> av.VideoFrame:
    """A frame of the same samples that may be changed, without what else came with them, such as captions.

    Arguments:
        image: The frame.
        name: Another name of its pixel format.
    """
    import av

    other = av.VideoFrame(image.width, image.height, name or image.format.name)
    other.colorspace, other.color_range = image.colorspace, image.color_range
    other.color_primaries, other.color_trc = image.color_primaries, image.color_trc
    for index in range(len(image.planes)):
        samples(other, index)[:] = samples(image, index)
    return other


def windows(
    rectangles: Iterable[Rectangle], height: int, width: int, block: int = 1
) -> list[tuple[list[Rectangle], Rectangle]]:
    """Rectangles in groups that see nothing of each other, each with the part of the frame around it.

    Arguments:
        rectangles: The rectangles, inside of the frame.
        height: The height of the frame.
        width: Its width.
        block: The side of a block (`block_of`), of which the parts have a whole number.
    """
    groups: list[tuple[list[Rectangle], Rectangle]] = []
    for one in rectangles:
        joined, where = [one], _around(one, height, width, block)
        # What has joined others is larger than it was, and may touch more in turn.
        while near := next((group for group in groups if group[1].shares_pixels(where)), None):
            groups.remove(near)
            joined, where = near[0] + joined, enclosing([near[1], where])
        groups.append((joined, where))
    return groups


def enclosing(rectangles: Sequence[Rectangle]) -> Rectangle:
    """The smallest rectangle that holds some, of which there must be one."""
    tops, lefts, bottoms, rights = zip(*rectangles, strict=True)
    return Rectangle(min(tops), min(lefts), max(bottoms), max(rights))


def _around(one: Rectangle, height: int, width: int, block: int) -> Rectangle:
    across, down = (_CONTEXT * (high - low) for low, high in ((one.left, one.right), (one.top, one.bottom)))
    box = Box(one.left - across, one.top - down, one.right + across, one.bottom + down)
    return cover(box, height, width, block) or one


def part(image: av.VideoFrame, where: Rectangle) -> NDArray[Any]:
    """A part of a frame as pixels :math:`(H, W, C)`: RGB or grey, uint8 or, of more than 8 bits, uint16.

    Arguments:
        image: The frame.
        where: The part, in whole blocks (`block_of`).
    """
    pixels = _cropped(image, where).to_ndarray(format=_pixels_format(image))
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def put(image: av.VideoFrame, where: Rectangle, pixels: NDArray[Any], changed: Iterable[Rectangle]) -> None:
    """Writes pixels into some rectangles of a part of a frame.

    Arguments:
        image: The frame, which must be writable.
        where: The part, as it was given to `part`.
        pixels: Its pixels, as `part` gave them, filled.
        changed: The rectangles of the part that are written, in whole blocks, counted from its corner.
    """
    filled, rectangles = _planes_of(pixels, image), list(changed)
    for component in image.format.components:
        if component.is_alpha:
            continue
        target, source = samples(image, component.plane), samples(filled, component.plane)
        across, down = _steps(image, component.plane)
        for inner in rectangles:
            outer = inner.moved(where.top, where.left)
            target[_shrunk(outer, across, down)] = source[_shrunk(inner, across, down)]


def _planes_of(pixels: NDArray[Any], like: av.VideoFrame) -> av.VideoFrame:
    import av

    name = _pixels_format(like)
    contiguous = np.ascontiguousarray(pixels[:, :, 0] if name.startswith("gray") else pixels)
    frame = av.VideoFrame.from_ndarray(contiguous, format=name)
    return frame.reformat(
        format=like.format.name,
        dst_colorspace=like.colorspace,
        dst_color_range=like.color_range or 1,
        src_color_range=2,
    )


def _cropped(image: av.VideoFrame, where: Rectangle) -> av.VideoFrame:
    import av

    small = av.VideoFrame(where.right - where.left, where.bottom - where.top, image.format.name)
    small.colorspace, small.color_range = image.colorspace, image.color_range
    for index in range(len(image.planes)):
        across, down = _steps(image, index)
        samples(small, index)[:] = samples(image, index)[_shrunk(where, across, down)]
    return small


def _pixels_format(image: av.VideoFrame) -> str:
    deep = image.format.components[0].bits > 8
    if sum(not component.is_alpha for component in image.format.components) >= 3:
        return "rgb48le" if deep else "rgb24"
    return "gray16le" if deep else "gray"


def _steps(image: av.VideoFrame, index: int) -> tuple[int, int]:
    """How many pixels across and down share one sample of a plane."""
    plane = image.planes[index]
    return -(-image.width // plane.width), -(-image.height // plane.height)


def _shrunk(where: Rectangle, across: int, down: int) -> tuple[slice, slice]:
    return slice(where.top // down, -(-where.bottom // down)), slice(where.left // across, -(-where.right // across))
