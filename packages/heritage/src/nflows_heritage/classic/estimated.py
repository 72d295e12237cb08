"""A method by the name of what a picture suffers from, with its parameters from the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from nflows_core.runtime.tiles import Rows
from nflows_heritage.classic.blocks import Pixelated, pixelated_of
from nflows_heritage.classic.colours import Dull, Faded, dull_of, faded_of
from nflows_heritage.classic.cosines import Samples
from nflows_heritage.classic.impulses import SaltAndPepper, salt_and_pepper_of
from nflows_heritage.classic.look import Look
from nflows_heritage.classic.noise import Noise, noise_of
from nflows_heritage.classic.rain import Rain, rain_of
from nflows_heritage.classic.unsharp import Moved, OutOfFocus, moved_of, out_of_focus_of
from nflows_heritage.classic.zoom import Zoomed, zoomed_of


class Method(Protocol):
    """A frozen dataclass whose fields are JSON's own types, and say all that the method does."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing was found to undo: then tiles stay as they are."""

    @property
    def halo(self) -> int:
        """How far away a pixel may be that has a say in the result, in pixels."""

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        """The tile restored.

        Arguments:
            tile: A part (h, w, C) of the picture, float32 in [0, 1].
            corner: The row and column of its first pixel in the picture.
        """


@dataclass(frozen=True)
class Untouched:
    """Does nothing: of a water stain, what is paint and what is dirt cannot be told without an example."""

    @property
    def is_idle(self) -> bool:
        return True

    @property
    def halo(self) -> int:
        return 0

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        return tile.copy()


def _parts(look: Look) -> list[Samples]:
    return [region.samples for region in look.regions]


_ESTIMATES: Mapping[str, tuple[type[Method], Callable[[Look], Method]]] = {
    "blur": (OutOfFocus, lambda look: out_of_focus_of(_parts(look))),
    "dull": (Dull, lambda look: dull_of(look.overview)),
    "fade": (Faded, lambda look: faded_of(look.overview)),
    "gaussian": (Noise, lambda look: noise_of(_parts(look), in_proportion=False)),
    "motion": (Moved, lambda look: moved_of(_parts(look))),
    "salt-and-pepper": (SaltAndPepper, lambda look: salt_and_pepper_of(_parts(look))),
    "speckle": (Noise, lambda look: noise_of(_parts(look), in_proportion=True)),
    "pixelate": (Pixelated, lambda look: pixelated_of(look.regions)),
    "radial": (Zoomed, zoomed_of),
    "rain": (Rain, lambda look: rain_of(_parts(look))),
    "water": (Untouched, lambda look: Untouched()),
}
KINDS = tuple(_ESTIMATES)
"""What a picture may suffer from, as in `nflows_heritage.distortions.DISTORTIONS`."""


def estimated(kind: str, picture: Rows | NDArray[Any] | Look) -> Method:
    """The method against a kind of damage, with the parameters that a look at the picture gives.

    Where the damage is not found, the method leaves the picture as it is.

    Arguments:
        kind: One of `KINDS`.
        picture: The picture (H, W, C), grey or RGB: an array of integers or of float32 in [0, 1], or a file of which
            some parts are read; or a look that was taken already.

    Raises:
        ValueError: There is no such kind, or the picture is of another shape or type.
    """
    return _entry(kind)[1](picture if isinstance(picture, Look) else Look.at(picture))


def recorded(method: Method) -> dict[str, Any]:
    """The parameters of a method for a record, from which `from_record` makes it again."""
    return asdict(method)  # type: ignore[call-overload, no-any-return]


def from_record(kind: str, record: Mapping[str, Any]) -> Method:
    """The method of a kind with these parameters.

    Raises:
        ValueError: There is no such kind, or it has other parameters.
    """
    made = _entry(kind)[0]
    try:
        return made(**record)
    except TypeError as error:
        raise ValueError(f"`record`: {dict(record)} are no parameters of {kind}: {error}") from error


def _entry(kind: str) -> tuple[type[Method], Callable[[Look], Method]]:
    if kind not in _ESTIMATES:
        raise ValueError(f"`kind`: there is no damage {kind!r}; there are {', '.join(KINDS)}")
    return _ESTIMATES[kind]
