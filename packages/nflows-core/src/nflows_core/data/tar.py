"""Tar archives of pictures."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from nflows_core.data.images import DataError, Images
from nflows_core.data.layout import lay_out
from nflows_core.data.others import is_named_as_picture
from nflows_core.data.pictures import read_layout
from nflows_core.data.reading import READ_AS_IT_IS, Reading
from nflows_core.data.split import SplitName
from nflows_core.runtime.files import is_junk

_MOST_RATIO = 100
"""Pictures are compressed already; only empty ones of formats that are not shrink as much."""
_ANY_ARCHIVE = 2**30
SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def read_tar(path: Path, split: SplitName | None, reading: Reading = READ_AS_IT_IS) -> Images:
    """Reads the pictures of a tar archive, compressed or not, without unpacking it to the disk.

    The paths inside mean what they mean in `read_folder`, after a lone top folder that holds only folders:
    archives are packed that way. The images stay in the order of the archive.

    Raises:
        DataError: The archive or a file in it is damaged, or what `read_folder` raises.
    """
    try:
        with tarfile.open(path) as archive:
            return _read(path, archive, split, reading)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: cut off or damaged ({error}); fetch the archive again") from error


def _read(path: Path, archive: tarfile.TarFile, split: SplitName | None, reading: Reading) -> Images:
    bounded = _bounded(path, archive)
    members = {name: member for member in bounded if (name := _clean(member.name)) and not member.isdir()}
    _check_end(archive)
    if reading.skip_others:
        members = {name: member for name, member in members.items() if is_named_as_picture(name)}
    top = _lone_top(members)
    members = {name.removeprefix(top): member for name, member in members.items()}
    folders = {str(folder) for name in members for folder in PurePosixPath(name).parents}
    layout = lay_out(path, members, folders - {"."}, split, reading)

    def read(name: str) -> IO[bytes]:
        try:
            file = archive.extractfile(members[name])
        except (KeyError, RecursionError) as error:
            raise OSError("a link that leads nowhere") from error
        if file is None:
            raise OSError("not a regular file")
        return file

    return read_layout(path, layout, read, reading.size)


def _bounded(path: Path, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members, as long as no more is in them than pictures are compressed from."""
    most, claimed = max(_ANY_ARCHIVE, _MOST_RATIO * path.stat().st_size), 0
    for member in archive:
        claimed += member.size
        if claimed > most:
            raise DataError(
                f"{path}: with {member.name} it would hold {claimed:,} bytes, and has no size for as many; unpack it "
                "yourself if you trust it"
            )
        yield member


def _check_end(archive: tarfile.TarFile) -> None:
    """Finds an archive that was cut off between two members, which tarfile takes for a whole one."""
    stream = archive.fileobj
    if stream is not None:
        stream.seek(archive.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("the mark of its end is missing")


def _clean(name: str) -> str:
    """The path without a leading ``./`` or ``/``; empty if it is junk, or leads out of the archive."""
    path = PurePosixPath(name.lstrip("/"))
    return "" if any(is_junk(part) for part in path.parts) else str(path)


def _lone_top(names: Iterable[str]) -> str:
    paths = [PurePosixPath(name).parts for name in names]
    tops = {parts[0] for parts in paths}
    return f"{tops.pop()}/" if len(tops) == 1 and all(len(parts) > 2 for parts in paths) else ""
