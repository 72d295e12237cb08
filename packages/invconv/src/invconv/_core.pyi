from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

def inverse_conv2d(
    y: NDArray[np.floating[Any]],
    weight: NDArray[np.floating[Any]],
    out: NDArray[np.floating[Any]],
    corners: Sequence[int],
    threads: int,
    transposed: bool,
) -> None: ...
def weight_gradient(
    v: NDArray[np.floating[Any]],
    x: NDArray[np.floating[Any]],
    out: NDArray[np.floating[Any]],
    corners: Sequence[int],
    threads: int,
) -> None: ...
def instruction_set() -> str: ...
def max_threads() -> int: ...
