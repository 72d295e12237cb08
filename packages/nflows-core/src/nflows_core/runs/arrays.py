"""Arrays that are written as they are made, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.files import atomic_write


def write_array(path: Path, batches: Iterable[NDArray[Any]], row: tuple[int, ...], dtype: type[np.generic]) -> int:
    """Writes a ``.npy`` file of any number of rows, whole or not at all, and returns how many they are.

    Arguments:
        path: The file to write.
        batches: The rows in batches, :math:`(B, \\dots)`.
        row: The shape of a row.
        dtype: The type of the numbers.
    """
    count = 0
    with atomic_write(path) as file:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (0, *row)}
        np.lib.format.write_array_header_1_0(file, header)
        for batch in batches:
            file.write(np.ascontiguousarray(batch, dtype).tobytes())
            count += len(batch)
        # NumPy leaves room for a number of rows of 21 digits: the header is as long now.
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, {**header, "shape": (count, *row)})
    return count
