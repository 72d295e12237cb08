"""The frames of a video filled, one after another, until nothing is found in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nflows_privacy.detection import Detector
from nflows_privacy.fills import Fill
from nflows_privacy.fills.rungs import MOST_ROUNDS, Rungs
from nflows_privacy.masks import MASK_SCALE, Rectangle, covers, mask_of
from nflows_privacy.regions import LEFT_SCORE, Region, boxes_array, iou
from nflows_privacy.video.finding import check_of, seen_in
from nflows_privacy.video.planes import block_of, copied, part, put, windows
from nflows_privacy.video.reading import Frame

if TYPE_CHECKING:
    import av

_SAME = 0.3  # the intersection over union from which a region is that of the frame before


@dataclass(frozen=True)
class Filling:
    """What is put in the place of regions.

    Arguments:
        fills: The fills, each stronger than the one before it: the next is taken where something is still found.
        checker: What looks at every filled frame whether anything is left: that by which the result will be judged.
        mask_scale: The factor by which boxes are grown outwards.
        left_score: The score from which something counts as left.
        seed: The seed of what is random in fills, the same for all frames, so that they do not flicker.

    Raises:
        ValueError: There is no fill, or masks would shrink.
    """

    fills: Sequence[Fill]
    checker: Detector
    mask_scale: float = MASK_SCALE
    left_score: float = LEFT_SCORE
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.fills:
            raise ValueError("`fills`: expected one or more")
        if self.mask_scale < 1:
            raise ValueError(f"`mask_scale`: expected 1 or more, for masks grow outwards, got {self.mask_scale}")


class Filler:
    """Fills one frame after another; what needed a stronger fill in one has it in the next.

    Arguments:
        filling: The way.
        is_final: Whether a person has decided on the regions, so that what is found elsewhere stays.

    Attributes:
        frames: How many frames were filled.
        masked: The masked shares of all frames, summed.
        seen_again: How many regions were found in filled frames only.
        filled_more: How many regions were filled more strongly than by the first fill.
    """

    def __init__(self, filling: Filling, *, is_final: bool = False) -> None:
        self._filling = filling
        self._is_final = is_final
        self._raised: dict[Region, int] = {}
        self.frames = 0
        self.masked = 0.0
        self.seen_again = 0
        self.filled_more = 0

    def __call__(self, frame: Frame, regions: Sequence[Region]) -> av.VideoFrame:
        """The stored samples of the next frame, its regions filled.

        Arguments:
            frame: The frame.
            regions: Its regions.

        Raises:
            ValueError: Something is still found after all that can be done.
        """
        first = {region: self._inherited(region) for region in regions}
        rungs = Rungs(first, len(self._filling.fills) - 1, self._filling.mask_scale)
        for _ in range(MOST_ROUNDS):
            image = self._filled(frame, rungs)
            left = self._left(replace(frame, image=image), rungs)
            if not left:
                self._count(frame, rungs, len(rungs.of) - len(first))
                return image
            rungs.climb(left)
        raise ValueError(
            f"at {float(frame.time):.2f} s a {left[0].kind} is still found after {MOST_ROUNDS} fills,"
            f" at {tuple(map(round, left[0].box))}"
        )

    def _inherited(self, region: Region) -> int:
        """The rung of the same region in the frame before."""
        if not self._raised:
            return 0
        shared = iou(boxes_array([region]), boxes_array(list(self._raised)))[0]
        return max(rung if same >= _SAME else 0 for rung, same in zip(self._raised.values(), shared, strict=True))

    def _filled(self, frame: Frame, rungs: Rungs) -> av.VideoFrame:
        image = frame.image
        for rung, masks in rungs.strongest_first():
            image = self._put(image, self._rectangles(frame, masks), self._filling.fills[rung])
        return image

    def _put(self, image: av.VideoFrame, rectangles: Sequence[Rectangle], fill: Fill) -> av.VideoFrame:
        changed, block = copied(image), block_of(image)
        for group, where in windows(rectangles, image.height, image.width, block):
            inner = [one.moved(-where.top, -where.left) for one in group]
            put(changed, where, fill(part(image, where), inner, self._filling.seed), inner)
        return changed

    def _left(self, frame: Frame, rungs: Rungs) -> list[Region]:
        """What is still found, and would be found again."""
        found = seen_in(frame.views(), self._filling.checker, check_of(self.frames))
        left = [region for region in found if region.score >= self._filling.left_score]
        return [region for region in left if rungs.touched(region)] if self._is_final else left

    def _count(self, frame: Frame, rungs: Rungs, seen_again: int) -> None:
        self.frames += 1
        self._raised = {region: rung for region, rung in rungs.of.items() if rung}
        self.seen_again += seen_again
        self.filled_more += len(self._raised)
        rectangles = self._rectangles(frame, rungs.masks(rungs.of))
        self.masked += float(np.mean(mask_of(rectangles, frame.image.height, frame.image.width)))

    def _rectangles(self, frame: Frame, masks: Sequence[Region]) -> list[Rectangle]:
        """The parts of the stored frame that are filled, in whole blocks of colour."""
        stored = [replace(one, box=frame.stored(one.box)) for one in masks]
        return covers(stored, frame.image.height, frame.image.width, block_of(frame.image))
