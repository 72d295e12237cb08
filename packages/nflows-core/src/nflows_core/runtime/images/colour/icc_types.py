"""Types of the tags of ICC profiles (ICC.1:2022, section 10), and which of their bytes say something of colours."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence

TABLES = (b"mft1", b"mft2", b"mAB ", b"mBA ")
CURVES = (b"curv", b"para")

_HEAD, _TRANSFORM_HEAD = 8, 32
_MATRIX, _CLUT_HEAD = 48, 20


def essence(data: bytes) -> bytes | None:
    """The bytes of a tag to which its type gives a meaning, and zeros between; None if it is cut short or not known."""
    try:
        spans = list(_SPANS[data[:4]](data)) if data[:4] in _SPANS else []
    except (struct.error, IndexError, OverflowError):
        return None
    size = max((stop for _, stop in spans), default=0)
    if not _HEAD < size <= len(data):
        return None
    result = bytearray(size)
    for start, stop in [(0, 4), *spans]:
        result[start:stop] = data[start:stop]
    return bytes(result)


Spans = Iterator[tuple[int, int]]


def _whole(size: int) -> Callable[[bytes], Spans]:
    return lambda _: iter([(_HEAD, size)])


def _curve(data: bytes) -> Spans:
    yield _HEAD, 12 + 2 * int(struct.unpack_from(">I", data, 8)[0])


def _parametric(data: bytes) -> Spans:
    yield _HEAD, 10
    yield 12, 12 + 4 * (1, 3, 4, 5, 7)[struct.unpack_from(">H", data, 8)[0]]


def _table(data: bytes) -> Spans:
    """Of the tables of section 10.10 and 10.11: a matrix, curves, a grid, curves."""
    inputs, outputs, grid = data[8:11]
    yield _HEAD, 11
    if data[:4] == b"mft1":
        yield 12, int(48 + 256 * (inputs + outputs) + grid**inputs * outputs)
    else:
        before, after = struct.unpack_from(">HH", data, 48)
        yield 12, int(52 + 2 * (before * inputs + grid**inputs * outputs + after * outputs))


def _transform(data: bytes) -> Spans:
    """Of section 10.12 and 10.13: curves, a matrix and a grid, which may lie anywhere in the tag."""
    inputs, outputs = data[8:10]
    b, matrix, m, clut, a = struct.unpack_from(">5I", data, 12)
    device, connected = (inputs, outputs) if data[:4] == b"mAB " else (outputs, inputs)
    yield _HEAD, 10
    yield 12, _TRANSFORM_HEAD
    for start, count in ((b, connected), (m, connected), (a, device)):
        yield from _curves(data, start, count if start else 0)
    if matrix:
        yield matrix, matrix + _MATRIX
    if clut:
        yield from _clut(data, clut, data[clut : clut + inputs], outputs)


def _curves(data: bytes, start: int, count: int) -> Spans:
    """Curves one behind the other, each from a multiple of four bytes on."""
    for _ in range(count):
        kind = data[start : start + 4]
        if kind not in CURVES:
            raise IndexError("no curve")
        yield start, start + 4
        for first, last in _SPANS[kind](data[start : start + 12]):
            yield start + first, start + last
        start += -(-last // 4) * 4


def _clut(data: bytes, start: int, grid: Sequence[int], outputs: int) -> Spans:
    yield start, start + len(grid)
    yield start + 16, start + 17
    size = math.prod(grid) * outputs * data[start + 16]
    yield start + _CLUT_HEAD, start + _CLUT_HEAD + size


_SPANS: dict[bytes, Callable[[bytes], Spans]] = {
    b"XYZ ": _whole(20),
    b"curv": _curve,
    b"para": _parametric,
    b"sf32": _whole(44),
    b"chrm": _whole(36),
    b"cicp": _whole(12),
    b"view": _whole(36),
    b"meas": _whole(36),
    b"mft1": _table,
    b"mft2": _table,
    b"mAB ": _transform,
    b"mBA ": _transform,
}
