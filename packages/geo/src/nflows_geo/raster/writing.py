"""Why a library could not write, in words: GDAL does not always say that the disk is full, nor even that it failed."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rasterio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

_LITTLE = 2**24
"""Bytes; more than what is written at once. Where less is free after a failure, the disk was full."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Room:
    """The place where a file is written.

    Arguments:
        target: The file, for errors.
        folder: The folder of what is written on the way.
        free: The bytes that were free when the writing began.
        most: The bytes that are written at most, the file itself and what is needed on the way; 0 if it is not known.
    """

    target: Path
    folder: Path
    free: int
    most: int = 0

    @classmethod
    def beside(cls, target: Path, folder: Path, least: int = 0, most: int = 0) -> Room:
        """The room in a folder for what takes at least, and at most, so many bytes.

        Raises:
            OSError: There is too little.
        """
        room = cls(target, folder, shutil.disk_usage(folder).free, most)
        if room.free < least:
            raise room.full()
        return room

    @contextmanager
    def told(self) -> Iterator[None]:
        """Says in words what goes wrong in libraries that write.

        Raises:
            OSError: They have failed; it names the target, and what was needed if the disk is full.
        """
        try:
            yield
        except (RasterioError, CPLE_BaseError, DataSourceError, DataLayerError, FeatureError) as error:
            raise self.failed(error) from error
        except OSError as error:
            if error.errno in _FULL:
                raise self.full() from error
            raise

    def failed(self, reason: object) -> OSError:
        """The error for a file that could not be written for a reason, which a library gives in its own words."""
        cause = getattr(reason, "__cause__", None) or reason
        # What GDAL has written on its own way is gone by now, so that little is not always what is free.
        little = self.free < self.most or shutil.disk_usage(self.folder).free < _LITTLE
        if little or "disk is full" in str(cause):
            return self.full()
        return OSError(
            errno.EIO,
            f"cannot be written ({cause}): a quota may be used up, or the disk fail",
            str(self.target),
        )

    def full(self) -> OSError:
        """The error for a disk that is full."""
        needed = f"up to {_amount(self.most)} are needed" if self.most else "more is needed"
        return OSError(
            errno.ENOSPC,
            f"no space left on the disk: {needed} while it is written, and {_amount(self.free)} were free",
            str(self.target),
        )


def require_whole(path: Path, room: Room) -> None:
    """Refuses a GeoTIFF whose end is missing: GDAL is silent if the disk is full when it closes a file.

    Raises:
        OSError: A block lies behind the end of the file, or nowhere.
    """
    size = path.stat().st_size
    with room.told(), rasterio.open(path) as dataset:
        for index, (height, width) in enumerate(dataset.block_shapes, 1):
            for row in range(-(-dataset.height // height)):
                for column in range(-(-dataset.width // width)):
                    place, length = (
                        dataset.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", index)
                        for what in ("OFFSET", "SIZE")
                    )
                    if place is None or length is None or int(place) + int(length) > size:
                        raise room.failed("its end is missing")


def _amount(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 10**9 else f"{size / 1e6:.1f} MB"
