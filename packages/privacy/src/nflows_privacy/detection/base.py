"""What a detector is: pixels in, regions out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.weights import Weights
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.regions import Region


class Look(StrEnum):
    """How hard a detector looks."""

    QUICK = "quick"
    """Once, at the size of the picture or below: for frames of a video between those that are looked at thoroughly.

    A detector may tell of what it is less sure of too, marked as faint: what is seen in other frames decides.
    """
    THOROUGH = "thorough"
    """At all sizes of things that count."""
    CHECK = "check"
    """As thoroughly, at other sizes of the picture: whether anything is left. What THOROUGH cannot find, this may."""
    QUICK_CHECK = "quick check"
    """Once, at another size than QUICK."""

    @property
    def is_quick(self) -> bool:
        """Whether it looks once."""
        return self in (Look.QUICK, Look.QUICK_CHECK)

    @property
    def is_check(self) -> bool:
        """Whether it looks for what is left, otherwise than it was looked before."""
        return self in (Look.CHECK, Look.QUICK_CHECK)


class Detector(Protocol):
    """Finds regions in a picture; a frozen set of settings makes one (`nflows_privacy.detection.load_detector`).

    The same pixels give the same regions. It is not called by two threads at once.
    """

    kinds: frozenset[str]
    """The kinds of regions that it can find."""

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        """The regions in a picture, the surest first, none twice.

        Arguments:
            pixels: The picture, :math:`(H, W, 3)`, RGB as a screen shows it.
            look: How hard it looks.
        """


@dataclass(frozen=True)
class NamedDetector:
    """A detector that a person can name: how it is loaded, and from what.

    Packages of others add theirs as entry points of the group ``nflows_privacy.detectors``: the name of the entry point
    is that of the detector, and its object is one of these.

    Arguments:
        load: Makes the detector; of the settings, ``threshold`` and ``device`` concern it.
        weights: Its weights: published ones, a file or folder, or what finds one; none if it has none.
    """

    load: Callable[[DetectorSettings], Detector]
    weights: Weights | Path | Callable[[], Path] | None = None
