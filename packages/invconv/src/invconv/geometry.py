r"""Corners: on which sides the zeros stand, where the anchor tap is, which channels belong together.

A kernel is stored as torch does, :math:`[C, C/G, k_h, k_w]` for :math:`G` channel groups. The anchor tap is the one
that multiplies the pixel itself; it lies in the corner of the kernel opposite to the padding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import index
from typing import Any, NamedTuple, Protocol

CORNERS = ("tl", "tr", "bl", "br")
"""The corners of the image at which the zeros stand: top or bottom, left or right."""


class SizedArray(Protocol):
    """What a NumPy array and a torch tensor have in common here."""

    @property
    def ndim(self) -> int: ...

    @property
    def shape(self) -> Sequence[int]: ...


class Padding(NamedTuple):
    """Rows and columns of zeros on each side of an image."""

    top: int
    bottom: int
    left: int
    right: int


class Run(NamedTuple):
    """Neighbouring channel groups with the same corner."""

    corner: str
    channels: slice
    groups: int


def check_arguments(image: SizedArray, weight: SizedArray, corner: str | Sequence[str], name: str) -> tuple[str, ...]:
    """The corner of each channel group, after checking that the arguments fit each other.

    Arguments:
        image: Images, [B, C, H, W].
        weight: Kernel, [C, C/G, kh, kw].
        corner: One corner for all groups, or one for each.
        name: The caller's name for ``image``.

    Raises:
        ValueError: naming the argument, its value and what fits.
    """
    if image.ndim != 4:
        raise ValueError(f"{name}: expected images [B, C, H, W], got shape {tuple(image.shape)}")
    corners = corner_of_groups(weight, corner)
    if image.shape[1] != weight.shape[0]:
        raise ValueError(
            f"{name}: has {image.shape[1]} channels, but the weight {tuple(weight.shape)} is for {weight.shape[0]}"
        )
    return corners


def corner_of_groups(weight: SizedArray, corner: str | Sequence[str]) -> tuple[str, ...]:
    """The corner of each channel group of a kernel [C, C/G, kh, kw]; one given corner is that of all."""
    if weight.ndim != 4:
        raise ValueError(f"weight: expected a kernel [C, C/groups, kh, kw], got shape {tuple(weight.shape)}")
    channels, group_channels = weight.shape[:2]
    if 0 in weight.shape or channels % group_channels:
        raise ValueError(
            f"weight: expected [C, C/groups, kh, kw] with C/groups dividing C and kh, kw at least 1, "
            f"got {tuple(weight.shape)}"
        )
    groups = channels // group_channels
    corners = corners_of(corner) * (groups if isinstance(corner, str) else 1)
    unknown = [name for name in corners if name not in CORNERS]
    if unknown:
        raise ValueError(f"corner: {unknown[0]!r} is none of {', '.join(CORNERS)}")
    if len(corners) != groups:
        raise ValueError(f"corner: got {len(corners)} for the {groups} channel groups of weight {tuple(weight.shape)}")
    return corners


def corner_numbers(corners: tuple[str, ...]) -> tuple[int, ...]:
    """The corners as the compiled solvers and the torch operators know them."""
    return tuple(CORNERS.index(corner) for corner in corners)


def check_size(size: object, least: int = 1) -> tuple[int, int]:
    """Height and width of images, after checking that they are two numbers of pixels."""
    numbers = _whole_numbers(size)
    if len(numbers) != 2 or min(numbers) < least:
        allowed = "above 0" if least else "from 0 on"
        raise ValueError(f"size: expected height and width, two whole numbers {allowed}, got {size!r}")
    return numbers[0], numbers[1]


def check_kernel_size(kernel_size: object) -> tuple[int, int]:
    """Height and width of a kernel, after checking that they are two numbers, or one for both."""
    numbers = _whole_numbers(kernel_size) or _whole_numbers([kernel_size]) * 2
    if len(numbers) != 2 or min(numbers) < 1:
        raise ValueError(f"kernel_size: expected one whole number above 0, or two, got {kernel_size!r}")
    return numbers[0], numbers[1]


def check_channels(channels: object, corner: object) -> tuple[int, int]:
    """Channels and channel groups, after checking that the ones can be divided into the others."""
    numbers, groups = _whole_numbers([channels]), len(corners_of(corner))
    if not numbers or numbers[0] < 1 or numbers[0] % groups:
        raise ValueError(f"channels: {channels!r} cannot be divided into {groups} channel groups")
    return numbers[0], groups


def corners_of(corner: object) -> tuple[Any, ...]:
    """The corners given, one or several."""
    corners = (corner,) if isinstance(corner, str) else tuple(corner) if isinstance(corner, Iterable) else ()
    if not corners:
        raise ValueError(f"corner: expected one of {', '.join(CORNERS)}, or one for each channel group, got {corner!r}")
    return corners


def _whole_numbers(numbers: object) -> tuple[int, ...]:
    """The numbers, or nothing where one is no whole number."""
    try:
        return tuple(index(number) for number in numbers)  # type: ignore[attr-defined]
    except TypeError:
        return ()


def padding(corner: str, kernel_size: tuple[int, int]) -> Padding:
    """The zeros that the convolution with this corner pads with."""
    rows, columns = kernel_size[0] - 1, kernel_size[1] - 1
    top, left = corner[0] == "t", corner[1] == "l"
    return Padding(rows * top, rows * (not top), columns * left, columns * (not left))


def anchor_index(corner: str) -> tuple[int, int]:
    """Row and column of the anchor tap: the last ones for zeros at the top and left."""
    return (-1 if corner[0] == "t" else 0, -1 if corner[1] == "l" else 0)


def turned_axes(corner: str) -> tuple[int, ...]:
    """The axes along which a kernel is reversed when its taps are counted from the anchor."""
    return tuple(axis for axis, index in zip((-2, -1), anchor_index(corner), strict=True) if index == -1)


def opposite(corner: str) -> str:
    """The corner from which the transposed map recurs."""
    return ("b" if corner[0] == "t" else "t") + ("r" if corner[1] == "l" else "l")


def runs(corners: Sequence[str], group_channels: int) -> list[Run]:
    """The channels as the fewest slices that one ordinary convolution each can serve."""
    slices: list[Run] = []
    start = 0
    for corner, group in groupby(corners):
        groups = len(list(group))
        stop = start + groups * group_channels
        slices.append(Run(corner, slice(start, stop), groups))
        start = stop
    return slices
