"""What a person says of a redaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

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


@keeps_one
def loaded(redaction: Redaction) -> tuple[Detector, Detector]:
    """The detector that finds what is redacted, and the one that says what is left, at its own score."""
    detector = redaction.detector
    score = redaction.left_score if detector.threshold is None else min(redaction.left_score, detector.threshold)
    return load_detector(detector), load_detector(replace(detector, threshold=score))
