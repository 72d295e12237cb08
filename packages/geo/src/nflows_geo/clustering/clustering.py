"""What every way to make classes gives."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Clustering(Protocol):
    """Classes of a sample; the first is the largest there."""

    @property
    def classes(self) -> int:
        """How many there are."""

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The class of each row of :math:`(N, D)`, from 1, :math:`(N,)`."""
