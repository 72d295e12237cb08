"""What a report shows of restored pictures: before, after, and where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.images import PictureError, PictureFile
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.report import PictureReport
from nflows_core.runtime.pictures.sheets import before_and_after
from nflows_core.runtime.pictures.thumbnails import as_png, thumbnail

_SIDE = 320


def restored_sheets(about: PictureReport, done: Sequence[Outcome]) -> list[Sheet]:
    """The pictures before and after with the change between them, then parts of them from near."""
    if not done:
        return []
    shown = about.shown(done)
    caption = f"{len(shown)} of {len(done)} pictures; white is the largest change of each"
    rows = {str(outcome.job.source): _row(outcome) for outcome in shown}
    pairs = [(str(outcome.job.source), outcome.job.source, outcome.job.target) for outcome in shown]
    return [Sheet(caption, ("before", "change", "after"), rows), before_and_after("From near", pairs)]


def stretched(change: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture of a change, its largest value white."""
    most = int(change.max())
    return change if most == 0 else np.rint(change * (255 / most)).astype(np.uint8)


def _row(outcome: Outcome) -> list[bytes | str]:
    target, change, *_ = outcome.job.targets
    try:
        before, changed, after = (_shown(path) for path in (outcome.job.source, change, target))
    except (PictureError, OSError) as error:
        return [f"cannot be shown: {error}", "", ""]
    return [as_png(before), as_png(stretched(changed)), as_png(after)]


def _shown(path: Path) -> NDArray[np.uint8]:
    with PictureFile(path) as picture:
        return thumbnail(picture, _SIDE)
