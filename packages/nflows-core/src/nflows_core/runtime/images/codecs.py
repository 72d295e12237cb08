"""The libraries for 16 bits a sample and for TIFF, which only those need who have such files."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

# tifffile logs what is odd in a file, which without a handler would stand on the terminal; what is wrong is an error.
_NOWHERE = logging.NullHandler()


def has_codecs() -> bool:
    return all(find_spec(name) is not None for name in ("imagecodecs", "tifffile"))


def import_imagecodecs() -> Any:
    try:
        import imagecodecs
    except ModuleNotFoundError as error:
        raise _missing() from error
    return imagecodecs


def import_tifffile() -> Any:
    import_imagecodecs()  # which tifffile takes for compressed files
    try:
        import tifffile
    except ModuleNotFoundError as error:
        raise _missing() from error
    logging.getLogger("tifffile").addHandler(_NOWHERE)
    return tifffile


def _missing() -> ModuleNotFoundError:
    return ModuleNotFoundError(
        "pictures of 16 bits, and writing TIFF, need imagecodecs and tifffile: pip install 'nflows-core[images]'"
    )
