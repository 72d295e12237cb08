"""What a person says of a restoration."""

from __future__ import annotations

from dataclasses import dataclass, field

from nflows_core.runtime.recipe import NO_MATTER
from nflows_heritage.distortions import KINDS

AUTO = "auto"
"""The kind that stands for what the inspector finds."""
LOSS = "loss"
"""The kind of what is not there any more, and is filled from its surroundings where a mask says."""


@dataclass(frozen=True)
class Restoration:
    """How pictures are restored.

    Arguments:
        kind: What they suffer from, one of `KINDS`, `LOSS` or `AUTO`; of what is ``clean`` nothing is changed.
        engine: What restores: ``classic``, ``unified``, or the path of a run.
        strength: How much of the change is made, from 0, which changes nothing, to 1.
        mask: The path of a mask, or of a folder of masks: outside of it nothing changes.
        tile: The side of a tile in pixels; less where memory runs out.

    Raises:
        ValueError: There is no such kind, or it needs a mask, or the strength is not in [0, 1].
    """

    kind: str = AUTO
    engine: str = "classic"
    strength: float = 1.0
    mask: str | None = field(default=None, metadata=NO_MATTER)  # what it holds decides, not where it lies
    tile: int | None = field(default=None, metadata=NO_MATTER)

    def __post_init__(self) -> None:
        if self.kind not in (AUTO, LOSS, *KINDS):
            raise ValueError(f"`kind`: there is none called {self.kind!r}; give {AUTO}, {LOSS}, {', '.join(KINDS)}")
        if self.kind == LOSS and self.mask is None:
            raise ValueError(f"`kind` {LOSS}: give the `mask` of what is lost, as nflows heritage mask makes it")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"`strength`: expected 0 to 1, got {self.strength}")
