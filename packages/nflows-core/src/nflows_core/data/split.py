r"""Which images are held out for testing when the data set itself does not say."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "test"]
"""Which part of a data set to read."""


def held_out(name: str) -> bool:
    r"""Whether the image called ``name`` belongs to the held-out tenth.

    A hash of the name alone decides, so the answer is the same on every machine, in every order, and after
    images were added. The name is normalized first: macOS stores é as two code points, Linux as one.
    """
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % 10 == 0


def belongs(name: str, split: SplitName | None) -> bool:
    """Whether the image called ``name`` is in the split; everything is in the split ``None``."""
    return split is None or held_out(name) == (split == "test")


def split_indices(n: int, split: SplitName | None) -> NDArray[np.int64]:
    """The indices below ``n`` in the split, decided by the hash of the index."""
    return np.array([index for index in range(n) if belongs(str(index), split)], dtype=np.int64)
