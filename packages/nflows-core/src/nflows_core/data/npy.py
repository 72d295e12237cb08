"""Arrays of images in NumPy's own format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.data.images import DataError, Images
from nflows_core.data.split import SplitName, split_indices

_CHANNELS = (1, 3)


def read_npy(path: Path, split: SplitName | None) -> Images:
    r"""Reads an array of images from a ``.npy`` file, split by the hash of the index.

    The array is :math:`(N, H, W)`, :math:`(N, H, W, C)` or :math:`(N, C, H, W)` with one or three channels:
    uint8, or floats in :math:`[0, 1]`, which are rounded to :math:`k / 255`.

    Raises:
        DataError: The file is no plain array, or the array has another type, shape or range.
    """
    array = _channels_first(path, _load(path))
    chosen = split_indices(len(array), split)
    if not len(chosen):
        raise DataError(f"{path}: no image of {len(array)} falls into the {split} split; add images")
    pixels = _to_uint8(path, array, chosen)
    return Images(torch.from_numpy(np.ascontiguousarray(pixels)))


def _load(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:
        # A header is parsed as Python, whose parser fails with nearly every error that there is.
        raise DataError(
            f"{path}: not a plain array ({str(error)[:100]}); save one by numpy.save (pickled objects are never loaded)"
        ) from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: an archive of arrays; save the images alone by numpy.save")
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise DataError(f"{path}: the pixels are {array.dtype}; save them as uint8, or as floats from 0 to 1")
    return array


def _channels_first(path: Path, array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise DataError(f"{path}: shape {array.shape}; images are (N, H, W), (N, H, W, C) or (N, C, H, W), not empty")
    if array.ndim == 3:
        return array[:, None]
    first, last = array.shape[1] in _CHANNELS, array.shape[3] in _CHANNELS
    if first == last:
        raise DataError(
            f"{path}: shape {array.shape} does not show which axis holds the channels; "
            "exactly one of the second and the last must be 1 or 3"
        )
    return array if first else np.moveaxis(array, 3, 1)


def _to_uint8(path: Path, array: NDArray[Any], chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return np.asarray(array[chosen])
    # Both splits are checked: what is wrong with the file should not come up days later.
    for index, image in enumerate(array):
        _check_range(path, index, image)
    return np.asarray(np.rint(array[chosen] * 255), np.uint8)


def _check_range(path: Path, index: int, image: NDArray[Any]) -> None:
    # A NaN makes the comparison false, so this catches it too.
    inside = (image >= 0) & (image <= 1)
    if not inside.all():
        raise DataError(f"{path}: image {index} has the pixel {image[~inside][0]}; scale floats to 0..1, or save uint8")
