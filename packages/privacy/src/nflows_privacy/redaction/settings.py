"""What a person says of a redaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock

from nflows_core.runtime.models import keeps_one
from nflows_privacy.detection import Detector, DetectorSettings, load_detector
from nflows_privacy.fills import FillSettings, stronger
from nflows_privacy.masks import MASK_SCALE
from nflows_privacy.regions import LEFT_SCORE


@dataclass(frozen=True)
class Redaction:
    """How pictures and videos are redacted.

    Arguments:
        detector: The detectors that find what is redacted.
        fill: What is put in its place at first; what is still found is filled by the next rung of `ladder`.
        mask_scale: How many times the sides of a region grow before it is filled: a detector's box of a face ends at
            its edge, and ears, hair and a chin tell who it is.
        left_score: The score from which on what is found in a redacted picture counts as left.

    Raises:
        ValueError: The masks would shrink, or the score is not in (0, 1].
    """

    detector: DetectorSettings
    fill: FillSettings
    mask_scale: float = MASK_SCALE
    left_score: float = LEFT_SCORE

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
        find: What finds what is redacted.
        check: What says what is left, from the score on that counts as left.
        alone: The lock under which they are called: the workers of a cluster are threads of one process.
    """

    find: Detector
    check: Detector
    alone: Lock


@keeps_one
def loaded(redaction: Redaction) -> Looks:
    """The detectors of a redaction, kept until those of another one are wanted."""
    detector = redaction.detector
    score = redaction.left_score if detector.threshold is None else min(redaction.left_score, detector.threshold)
    return Looks(load_detector(detector), load_detector(replace(detector, threshold=score)), Lock())
