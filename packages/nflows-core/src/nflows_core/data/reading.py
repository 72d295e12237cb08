"""How the files of a data set become images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """What a person may say about the reading of a data set.

    Arguments:
        size: The side of the square that every image is scaled and cropped to; unchanged if not given.
        bits: The bits of a pixel that are kept, the upper ones: 5 give the 32 values of Glow's 5-bit convention (Kingma
            & Dhariwal 2018, section 5). All 8 if not given.
        splits: The top folders of the splits, as ``"trainA,testA"``, or ``"none"``; found by their names if not given.
        skip_others: Whether files beside the pictures are skipped, by their suffix; otherwise they are errors.

    Raises:
        ValueError: The size or the bits are out of their range.
    """

    size: int | None = None
    bits: int | None = None
    splits: str | None = None
    skip_others: bool = False

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 2:
            problem = "must be positive, got" if self.size < 1 else "must be at least 2, for a flow halves images: got"
            raise ValueError(f"size {problem} {self.size}")
        if self.bits is not None and not 1 <= self.bits <= 8:
            raise ValueError(f"bits must be from 1 to 8, got {self.bits}")


READ_AS_IT_IS = Reading()
