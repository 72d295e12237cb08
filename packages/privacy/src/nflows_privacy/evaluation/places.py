"""What should be gone from a picture: found by a detector, or said by a file."""

from __future__ import annotations

from pathlib import Path

from nflows_core.runtime.files import sha256
from nflows_privacy.annotations.annotated import Annotations
from nflows_privacy.annotations.folder import FoundFolder
from nflows_privacy.detection import Detector, distinct
from nflows_privacy.evaluation.measuring import LOOKS, Places
from nflows_privacy.evaluation.pairs import Pair
from nflows_privacy.redaction.pixels import seen_by
from nflows_privacy.regions import Region
from nflows_privacy.rgb import Pixels


def by_detector(detector: Detector) -> Places:
    """The regions that a detector finds in the picture before, looking thoroughly or to check."""

    def places(pair: Pair, pixels: Pixels) -> list[Region]:
        return distinct(region for look in LOOKS for region in seen_by(detector, pixels, look))

    return places


def by_found(folder: Path) -> Places:
    """The regions that ``nflows privacy detect`` or ``review`` wrote of the picture, known by its SHA-256."""
    found = FoundFolder(folder)

    def places(pair: Pair, pixels: Pixels) -> list[Region]:
        return list(found.found(pair.before, sha256(pair.before)).regions)

    return places


def by_boxes(annotations: Annotations) -> Places:
    """The regions that anyone's file has for the picture; see `read_boxes` of the annotations."""

    def places(pair: Pair, pixels: Pixels) -> list[Region]:
        return annotations.regions(pair.name, pixels.shape[1], pixels.shape[0])

    return places
