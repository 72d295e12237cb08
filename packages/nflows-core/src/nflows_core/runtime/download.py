"""One file from the network, whole and right or not at all."""

from __future__ import annotations

import hashlib
import math
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import SplitResult, urlsplit

from nflows_core.runtime.files import atomic_write, require_regular
from nflows_core.runtime.progress import progress

_TIMEOUT_SECONDS = 30
_PATIENCE_SECONDS = 60
_LEAST_BYTES_PER_SECOND = 1000
"""A mirror that is slower on average, once patience is over, is given up: it could drip for ever."""
_CHUNK = 1 << 16
_PIECE = 1 << 24
"""Bytes of a step of the progress."""
_MOST_BYTES = 1 << 36
"""Where the size of a file is not known."""


class DownloadError(Exception):
    """A mirror does not give the file; the message says which and why."""


class _Response(Protocol):
    """What has bytes as they come: a file, or the answer of a server."""

    def read1(self, size: int, /) -> bytes: ...


def is_local(url: str) -> bool:
    """Whether a URL is of a file on this machine."""
    parts = _split(url)
    return parts.scheme == "file" and parts.netloc in ("", "localhost")


def download(url: str, target: Path, sha256: str, size: int | None = None) -> None:
    """Writes the file at a URL to ``target``, whose folder is made if it is missing.

    Several processes may do so at once: each writes a file of its own and then renames it.

    Arguments:
        url: The place of the file: ``https:``, ``file:``, or ``http:`` on this machine; redirections must lead to
            ``https:``, or stay on this machine.
        target: The file to write, replaced if it is there.
        sha256: The SHA-256 that the file must have; until it is checked there is no file of that name.
        size: The size in bytes, if it is known: no byte more is taken.

    Raises:
        DownloadError: The URL is none, or the mirror does not answer, stops half way, drips, or sends another file.
        OSError: The target cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with atomic_write(target) as file:
        for piece in _pieces(url, target.name, size):
            digest.update(piece)
            file.write(piece)
        if digest.hexdigest() != sha256:
            raise DownloadError(f"{url} sent a file with the SHA-256 {digest.hexdigest()} instead of {sha256}")


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        with closing(fp):
            _check(newurl)
            # What is told from afar must not choose among the servers and the files of this machine.
            if not (_is_near(req.full_url) or _split(newurl).scheme == "https"):
                raise DownloadError(f"{req.full_url} leads to {newurl}, on this machine")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _pieces(url: str, name: str, size: int | None) -> Iterator[bytes]:
    """The content; its errors are the network's alone."""
    _check(url)
    try:
        with _opened(url) as (response, length):
            if size is not None and length not in (None, size):
                raise DownloadError(f"{url} has {length:,} bytes instead of {size:,}")
            expected = size if length is None else length
            with progress(f"download {name}", math.ceil((expected or 1) / _PIECE)) as advance:
                read = yield from _read(response, url, _MOST_BYTES if expected is None else expected, advance)
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(f"{url}: {error}") from error
    # A URL of no sense is a ValueError of whichever part of the library meets it first.
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DownloadError(f"{url}: {reason}") from error
    if expected is not None and read < expected:
        raise DownloadError(f"{url} stopped after {read:,} of {expected:,} bytes")


@contextmanager
def _opened(url: str) -> Iterator[tuple[_Response, int | None]]:
    """What can be read at a URL, and the number of its bytes where that is said."""
    if is_local(url):
        path = require_regular(Path(urllib.request.url2pathname(_split(url).path)))
        with path.open("rb") as file:
            yield file, path.stat().st_size
        return
    opener = urllib.request.build_opener(_CheckedRedirects)
    with opener.open(url, timeout=_TIMEOUT_SECONDS) as response:
        length = response.headers.get("Content-Length", "")
        yield response, int(length) if length.isdecimal() else None


def _read(response: _Response, url: str, most: int, advance: Callable[[str], None]) -> Generator[bytes, None, int]:
    """The content in small parts, and at last its length; no more than ``most`` bytes, and none of a drip."""
    read, start = 0, time.monotonic()
    while chunk := response.read1(_CHUNK):
        read += len(chunk)
        if read > most:
            raise DownloadError(f"{url} sends more than {most:,} bytes")
        seconds = time.monotonic() - start
        if seconds > _PATIENCE_SECONDS and read < seconds * _LEAST_BYTES_PER_SECOND:
            raise DownloadError(f"{url} sent {read:,} bytes in {seconds:.0f} seconds, which is too slow")
        yield chunk
        if read // _PIECE > (read - len(chunk)) // _PIECE:
            advance(f"{read / 1e6:,.1f} MB")
    if read % _PIECE:
        advance(f"{read / 1e6:,.1f} MB")
    return read


def _check(url: str) -> None:
    if not (_split(url).scheme == "https" or is_local(url) or _is_near(url)):
        raise DownloadError(f"{url}: neither https: nor a file: of this machine")


def _is_near(url: str) -> bool:
    parts = _split(url)
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")


def _split(url: str) -> SplitResult:
    """The parts of a URL, all of them empty if it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")
