"""What a person says of a redaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.models import keeps_one
from nflows_privacy.detection import Detector, DetectorSettings, load_detector
from nflows_privacy.detection.keeping import Keeping, load_keeping
from nflows_privacy.detection.narrowed import OfKinds
from nflows_privacy.fills import FillSettings, stronger
from nflows_privacy.masks import MASK_SCALE
from nflows_privacy.regions import LEFT_SCORE
from nflows_privacy.rgb import as_rgb

DOUBT = 0.15
"""The score from which on something counts as left inside of what was filled: one look in two of YuNet's at .5."""


@dataclass(frozen=True)
class Redaction:
    """How pictures and videos are redacted.

    Arguments:
        kinds: The kinds of things that are redacted.
        detector: The detectors that find them.
        fill: What is put in its place at first; what is still found is filled by the next rung of `ladder`.
        mask_scale: How many times the sides of a region grow before it is filled: a detector's box of a face ends at
            its edge, and ears, hair and a chin tell who it is.
        left_score: The score from which on what is found in a redacted picture counts as left.
        keep: The paths of pictures of those whose faces stay, since they have agreed.

    Raises:
        ValueError: The masks would shrink, or the score is not in (0, 1].
    """

    kinds: tuple[str, ...]
    detector: DetectorSettings
    fill: FillSettings
    mask_scale: float = MASK_SCALE
    left_score: float = LEFT_SCORE
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.mask_scale <= 10:
            raise ValueError(f"`mask_scale`: expected 1 to 10, got {self.mask_scale}: a mask only grows")
        if not 0 < self.left_score <= 1:
            raise ValueError(f"`left_score`: expected above 0 and up to 1, got {self.left_score}")

    @cached_property
    def ladder(self) -> tuple[FillSettings, ...]:
        """The fill and ever stronger ones."""
        rungs = [self.fill]
        while (following := stronger(rungs[-1])) is not None:
            rungs.append(following)
        return tuple(rungs)


@dataclass(frozen=True)
class Looks:
    """The detectors of a redaction in memory.

    Arguments:
        find: Finds what is redacted.
        doubt: Finds what is left in a picture, from `DOUBT` on.
        verify: Finds what is left, from the score on that counts as left.
        keeping: Tells who is spared, if anybody is.
        alone: The lock under which they are called: the workers of a cluster are threads of one process.
    """

    find: Detector
    doubt: Detector
    verify: Detector
    keeping: Keeping | None
    alone: Lock


@keeps_one
def loaded(redaction: Redaction) -> Looks:
    """The detectors of a redaction, kept until those of another one are wanted.

    Raises:
        ValueError: None of them looks for one of the kinds.
    """
    settings, left = replace(redaction.detector, to_hide=True), redaction.left_score
    find, doubt, verify = (
        OfKinds(load_detector(replace(settings, threshold=score)), redaction.kinds)
        for score in (settings.threshold, min(DOUBT, left), left)
    )
    keeping = load_keeping({path: _reference(Path(path)) for path in redaction.keep}) if redaction.keep else None
    return Looks(find, doubt, verify, keeping, Lock())


def _reference(path: Path) -> NDArray[np.uint8]:
    with PictureFile(path) as picture:
        return as_rgb(picture.rows(0, picture.shape[0]))
