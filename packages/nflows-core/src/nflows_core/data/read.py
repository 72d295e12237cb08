"""The one way into every data set."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from nflows_core.data.digits import read_digits
from nflows_core.data.folder import read_folder
from nflows_core.data.idx import is_idx, read_idx
from nflows_core.data.images import DataError, Images
from nflows_core.data.npy import read_npy
from nflows_core.data.resize import resize
from nflows_core.data.split import SplitName
from nflows_core.data.tar import SUFFIXES, read_tar


def read_images(path: str | Path, split: SplitName, size: int | None = None) -> Images:
    """Reads a data set.

    Arguments:
        path: A folder of pictures, a tar archive of them, a folder of IDX files (MNIST), one such file, a
            ``.npy`` file, a folder of ``train.tar`` and ``test.tar`` (or ``.npy``), or the word ``digits``
            for the embedded demo set.
        split: The part to read, ``train`` or ``test``. A data set without the two is split by a hash that holds out
            a tenth.
        size: Side of the square that every image is scaled and cropped to; unchanged if not given.

    Raises:
        DataError: The data is missing, damaged or does not fit together.

    Example:
        >>> images = read_images("digits", "train")
        >>> images.shape, images.quantization
        ((1, 8, 8), 17)
    """
    if split not in get_args(SplitName):
        raise ValueError(f"split must be one of {get_args(SplitName)}, got {split!r}")
    if size is not None and size < 1:
        raise ValueError(f"size must be positive, got {size}")
    images = read_digits(split) if path == "digits" else _read_path(Path(path), split, size)
    return images if size is None or images.shape[1:] == (size, size) else resize(images, size)


def _read_path(path: Path, split: SplitName, size: int | None) -> Images:
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; give images, or the word digits for the demo set")
    if not (path.is_file() or path.is_dir()):
        raise DataError(f"{path}: a device or a pipe, which may have no end; give a file or a folder")
    if is_idx(path):
        return read_idx(path, split)
    if not path.is_dir():
        return _read_file(path, split, size)
    whole = _file_of_split(path, split)
    return read_folder(path, split, size) if whole is None else _read_file(whole, None, size)


def _read_file(path: Path, split: SplitName | None, size: int | None) -> Images:
    if path.name.endswith(SUFFIXES):
        return read_tar(path, split, size)
    if path.suffix == ".npy":
        return read_npy(path, split)
    raise DataError(f"{path}: not a data set; give a folder of pictures, a tar archive, a .npy array or an IDX file")


def _file_of_split(folder: Path, split: SplitName) -> Path | None:
    """The archive or array of the split, if ``folder`` holds one for each split."""
    for suffix in (*SUFFIXES, ".npy"):
        files = {name: folder / f"{name}{suffix}" for name in get_args(SplitName)}
        if all(file.is_file() for file in files.values()):
            return files[split]
    return None
