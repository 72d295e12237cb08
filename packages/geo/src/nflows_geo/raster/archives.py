"""Archives, unpacked for as long as the process lives, since JPEG 2000 and compressed tar cannot be read in pieces."""

from __future__ import annotations

import atexit
import errno
import gzip
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO

from nflows_core.runtime.files import is_junk
from nflows_core.runtime.temporary import temporary_folder

_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
SUFFIXES = (".zip", ".gz", *_TAR)
"""How archives end that can be read; a single file may be packed by gzip."""
RASTERS = (
    ".asc", ".bil", ".bip", ".bsq", ".dat", ".dem", ".ecw", ".gpkg", ".h5", ".hdf", ".hdf5", ".he5", ".img", ".jp2",
    ".nc", ".nc4", ".ntf", ".pix", ".png", ".sid", ".tif", ".tiff", ".vrt",
)  # fmt: skip
"""How rasters end among the other files of an archive."""
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError)
_SHOWN = 20
_SPARE = 2**24

Member = tuple[str, int, Callable[[], IO[bytes] | None]]


class ArchiveError(ValueError):
    """An archive is damaged, or does not hold one raster or product; the message says what it holds."""


def is_archive(path: Path) -> bool:
    """Whether a path is that of a file that is read as an archive, by its name."""
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def unpacked(archive: Path) -> Path:
    """The folder with the files of an archive, which goes when the process ends; ``TMPDIR`` says where it lies.

    Links, devices and what would lie outside of the folder are left out.

    Raises:
        ArchiveError: It is no archive, or damaged.
        OSError: It cannot be read, or the disk has no room for what is in it.
    """
    status = archive.stat()
    return _unpacked(archive.resolve(), status.st_mtime_ns, status.st_size)


def only_raster(folder: Path, archive: Path) -> Path:
    """The one raster of an archive.

    Raises:
        ArchiveError: There is none, or there are several; the message lists them.
    """
    rasters = [path for path in files_below(folder) if path.suffix.lower() in RASTERS]
    if len(rasters) != 1:
        raise not_one("raster", rasters, folder, archive)
    return rasters[0]


def files_below(folder: Path) -> list[Path]:
    """The files of an archive without what systems leave among them."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in paths if not any(map(is_junk, path.relative_to(folder).parts))]


def not_one(what: str, found: list[Path], folder: Path, archive: Path) -> ArchiveError:
    """The error for an archive that does not hold one of what was looked for."""
    if not found:
        return ArchiveError(f"{archive} holds no {what} that is known; unpack it and look what there is")
    names = [path.relative_to(folder).as_posix() for path in found]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ArchiveError(
        f"{archive} holds {len(names)} {what}s; give one or several, as {archive / names[0]}:\n"
        f"{', '.join(names[:_SHOWN])}{more}"
    )


@lru_cache(maxsize=64)
def _unpacked(archive: Path, changed: int, size: int) -> Path:
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder(Path(tempfile.gettempdir())))
        try:
            for name, length, read in _members(archive):
                _unpack(archive, folder, name, length, read)
        except _DAMAGED as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise ArchiveError(f"{archive} is damaged or no archive; copy or download it again") from error
        except RuntimeError as error:  # zipfile's way to ask for a password
            raise ArchiveError(f"{archive} is locked by a password; unpack it and give what is in it") from error
        atexit.register(stack.pop_all().close)
    return folder


def _members(archive: Path) -> Iterator[Member]:
    """The name and the bytes of each file, and what opens it."""
    name = archive.name.lower()
    if name.endswith(".zip"):
        with zipfile.ZipFile(archive) as packed:
            for one in packed.infolist():
                if not one.is_dir():
                    yield one.filename, one.file_size, lambda one=one: packed.open(one)  # type: ignore[misc]
    elif name.endswith(_TAR):
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isreg():
                    yield member.name, member.size, lambda member=member: tar.extractfile(member)  # type: ignore[misc]
    else:
        yield archive.stem, 0, lambda: gzip.open(archive)  # type: ignore[misc,return-value]  # noqa: SIM115


def _unpack(archive: Path, folder: Path, name: str, length: int, read: Callable[[], IO[bytes] | None]) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/":
        return
    free = shutil.disk_usage(folder).free
    if length + _SPARE > free:
        raise OSError(
            errno.ENOSPC,
            f"no space left to unpack {archive.name}: {length / 1e6:.1f} MB are needed, {free / 1e6:.1f} free, and "
            "TMPDIR names another folder",
            tempfile.gettempdir(),
        )
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    source = read()
    if source is not None:
        with closing(source), target.open("wb") as file:
            shutil.copyfileobj(source, file, 2**20)
