"""How the files of a data set become images."""

from __future__ import annotations

from dataclasses import dataclass

NO_SPLITS = "none"
"""In place of two folders: every top folder is a class."""


@dataclass(frozen=True)
class Reading:
    """What a person may say about the reading of a data set.

    Arguments:
        size: The side of the square that every image is scaled and cropped to; unchanged if not given.
        bits: The bits of a pixel that are kept, the upper ones: 5 give the 32 values of Glow's 5-bit convention (Kingma
            & Dhariwal 2018, section 5). All 8 if not given.
        splits: The top folders of the splits, as ``"trainA,testA"``, or ``"none"``; found by their names if not given.
        skip_others: Whether files beside the pictures are skipped, by their suffix; otherwise they are errors.
        condition_on: A folder of pictures of the same names, which become the maps of the images; nothing for none.

    Raises:
        ValueError: The size or the bits are out of their range, or ``splits`` does not name two folders.
    """

    size: int | None = None
    bits: int | None = None
    splits: str | None = None
    skip_others: bool = False
    condition_on: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 2:
            problem = "must be positive, got" if self.size < 1 else "must be at least 2, for a flow halves images: got"
            raise ValueError(f"size {problem} {self.size}")
        if self.bits is not None and not 1 <= self.bits <= 8:
            raise ValueError(f"bits must be from 1 to 8, got {self.bits}")
        if self.splits not in (None, NO_SPLITS) and self.split_folders is None:
            raise ValueError(f"splits must be two folders, as in train,test, or {NO_SPLITS}; got {self.splits!r}")

    @property
    def split_folders(self) -> tuple[str, str] | None:
        """The two folders of ``splits``, for training and for testing."""
        first, _, second = (self.splits or "").partition(",")
        return (first, second) if first and second and first != second else None


READ_AS_IT_IS = Reading()
