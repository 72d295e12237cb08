"""The one way into every data set."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from nflows_core.data.digits import read_digits
from nflows_core.data.fingerprint import with_digest
from nflows_core.data.folder import read_folder
from nflows_core.data.idx import is_idx, read_idx
from nflows_core.data.images import DataError, Images, join, keep_bits
from nflows_core.data.maps import with_maps
from nflows_core.data.npy import read_npy
from nflows_core.data.reading import Reading
from nflows_core.data.resize import resize
from nflows_core.data.split import SplitName
from nflows_core.data.tar import SUFFIXES, read_tar


def read_images(
    path: str | Path,
    split: SplitName | None,
    size: int | None = None,
    *,
    bits: int | None = None,
    splits: str | None = None,
    skip_others: bool = False,
    condition_on: str | None = None,
) -> Images:
    """Reads a data set.

    Arguments:
        path: A folder of pictures, a tar archive of them, a folder of IDX files (MNIST), one such file, a
            ``.npy`` file, a folder of ``train.tar`` and ``test.tar`` (or ``.npy``), or the word ``digits``
            for the embedded demo set.
        split: The part to read, ``train`` or ``test``, or nothing for all images. A data set without the two is split
            by a hash that holds out a tenth.
        size: Side of the square that every image is scaled and cropped to; unchanged if not given.
        bits: The bits of a pixel that are kept; see `Reading`, as for the others.
        splits: The top folders of the splits.
        skip_others: Whether files beside the pictures are skipped.
        condition_on: A folder of pictures of the same names, which become the maps of the images.

    Raises:
        DataError: The data is missing, damaged or does not fit together.
        ValueError: An argument is out of its range.

    Example:
        >>> images = read_images("digits", "train")
        >>> images.shape, images.quantization
        ((1, 8, 8), 17)
    """
    return read_as(path, split, Reading(size, bits, splits, skip_others, condition_on))


def read_as(path: str | Path, split: SplitName | None, reading: Reading) -> Images:
    """`read_images`, by what was said at once."""
    if split not in (*get_args(SplitName), None):
        raise ValueError(f"split must be one of {get_args(SplitName)}, got {split!r}")
    images = with_digest(read_digits(split) if path == "digits" else _read_path(Path(path), split, reading))
    if reading.splits is not None and not images.names:
        raise DataError(f"{path}: is no set of pictures in folders; leave `splits` out")
    if reading.size is not None and images.shape[1:] != (reading.size, reading.size):
        images = resize(images, reading.size)
    if reading.condition_on is not None:
        images = with_maps(images, reading.condition_on, reading.size)
    return images if reading.bits is None else keep_bits(images, reading.bits)


def _read_path(path: Path, split: SplitName | None, reading: Reading) -> Images:
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; give images, or the word digits for the demo set")
    if not (path.is_file() or path.is_dir()):
        raise DataError(f"{path}: a device or a pipe, which may have no end; give a file or a folder")
    if is_idx(path):
        return read_idx(path, split)
    if not path.is_dir():
        return _read_file(path, split, reading)
    whole = _files_of_splits(path)
    if whole is None:
        return read_folder(path, split, reading)
    return join([_read_file(whole[part], None, reading) for part in ([split] if split else whole)])


def _read_file(path: Path, split: SplitName | None, reading: Reading) -> Images:
    if path.name.endswith(SUFFIXES):
        return read_tar(path, split, reading)
    if path.suffix == ".npy":
        return read_npy(path, split)
    raise DataError(f"{path}: not a data set; give a folder of pictures, a tar archive, a .npy array or an IDX file")


def _files_of_splits(folder: Path) -> dict[SplitName, Path] | None:
    """The archive or array of each split, if ``folder`` holds one for both."""
    for suffix in (*SUFFIXES, ".npy"):
        files: dict[SplitName, Path] = {name: folder / f"{name}{suffix}" for name in get_args(SplitName)}
        if all(file.is_file() for file in files.values()):
            return files
    return None
