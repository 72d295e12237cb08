"""What a path means: a file, something in an archive, a layer of a file, or the address of a server.

A path may go on below a file: ``scene.zip/B4.tif`` is a file in an archive, ``scene.nc/red`` a layer, one of several
rasters of a file. GDAL's ``/vsizip/``, ``/vsitar/``, ``/vsigzip/`` and ``/vsicurl/`` are understood too.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from nflows_core.runtime.files import sha256
from nflows_geo.raster.archives import ArchiveError, is_archive, unpacked

_ADDRESS = re.compile(r"(?:/vsicurl/)?(https?):/+(.+)")
_VIRTUAL = ("vsizip", "vsitar", "vsigzip")
_TIMEOUT_SECONDS = 30


def address(path: Path) -> str | None:
    """The address of a server that a person gave as a path, which has but one of its two slashes."""
    found = _ADDRESS.fullmatch(path.as_posix())
    return None if found is None else f"{found[1]}://{found[2]}"


def resolved(path: Path) -> Path:
    """A path on the disk: what was in an archive is unpacked, and an address stays what it is.

    Raises:
        FileNotFoundError: There is nothing.
        ArchiveError: It is in an archive that does not have it, or that is damaged.
    """
    if address(path) is not None:
        return path
    file, inner = split(_without_prefix(path))
    if not file.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    if not is_archive(file):
        return file / inner
    place = unpacked(file) / inner
    if not split(place)[0].exists():
        raise ArchiveError(f"{file} holds no {inner}; `nflows geo info {file}` lists what it holds")
    return resolved(place) if inner else place


def archive_of(path: Path) -> Path | None:
    """The archive that a path leads into, or is."""
    if address(path) is not None:
        return None
    file = split(_without_prefix(path))[0]
    return file if is_archive(file) else None


def split(path: Path) -> tuple[Path, str]:
    """The file of a path that goes on below one, and the rest; the path itself if it does not."""
    if not path.exists():
        for file in path.parents:
            if file.is_file():
                return file, path.relative_to(file).as_posix()
    return path, ""


def file_of(path: Path) -> Path:
    """The file in which a layer lies, or the file itself."""
    return path if address(path) is not None else split(path)[0]


def digest(path: Path) -> str:
    """The SHA-256 of a file.

    Of the address of a server it is that of what names the version there, since the file may be too large to be read
    as a whole: a line each for the address, the size, the ETag and the time of the last change, as far as the server
    tells them.

    Raises:
        OSError: It cannot be read, or the server does not answer.
    """
    place = address(path)
    if place is None:
        return sha256(file_of(path))
    headers = _headers(place)
    size = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
    lines = (place, size, headers.get("ETag", ""), headers.get("Last-Modified", ""))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def require_answer(place: str) -> None:
    """Refuses an address where there is nothing.

    Raises:
        OSError: The server does not answer, or not with a file.
    """
    _headers(place)


def _headers(place: str) -> dict[str, str]:
    try:
        request = urllib.request.Request(place, headers={"Range": "bytes=0-0"})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            return dict(answer.headers)
    except OSError as error:
        code = error.code if isinstance(error, urllib.error.HTTPError) else None
        raise no_answer(place, code) from error


def no_answer(place: str, code: int | None = None) -> OSError:
    """The error for a server that gives no raster, with its answer as a number if there was one."""
    reason = "does not answer" if code is None else f"answers {code}"
    return OSError(errno.EIO, f"the server {reason}; check the address, or download the file and give that", place)


def _without_prefix(path: Path) -> Path:
    """The path that GDAL's name of something in an archive means."""
    parts = path.parts
    if len(parts) < 3 or not parts[1].startswith("vsi") or path.exists():
        return path
    if parts[1] not in _VIRTUAL:
        raise ValueError(f"{path}: of GDAL's virtual file systems only {', '.join(_VIRTUAL)} and vsicurl are read")
    # A path loses the second slash of /vsizip//folder/a.zip, after which it is not known where it begins.
    inner = Path("/".join(parts[2:]).replace("{", "").replace("}", ""))
    return inner if split(inner)[0].exists() else Path("/") / inner
