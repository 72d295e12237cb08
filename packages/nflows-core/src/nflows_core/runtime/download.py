"""One file from the network, whole and right or not at all."""

from __future__ import annotations

import hashlib
import math
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.progress import progress

_TIMEOUT_SECONDS = 30
_PIECE = 1 << 24
"""Bytes read at a time, each a step of the progress."""


class DownloadError(Exception):
    """A mirror does not give the file; the message says which and why."""


def is_local(url: str) -> bool:
    """Whether a URL is of a file on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "file" and parts.netloc in ("", "localhost")


def download(url: str, target: Path, sha256: str, size: int | None = None) -> None:
    """Writes the file at a URL to ``target``, whose folder is made if it is missing.

    Several processes may do so at once: each writes a file of its own and then renames it.

    Arguments:
        url: The place of the file: ``https:``, ``file:``, or ``http:`` on this machine; redirections must stay with
            these.
        target: The file to write, replaced if it is there.
        sha256: The SHA-256 that the file must have; until it is checked there is no file of that name.
        size: The size in bytes, for the progress where the server does not say.

    Raises:
        DownloadError: The mirror does not answer, stops half way, or sends another file.
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
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _pieces(url: str, name: str, size: int | None) -> Iterator[bytes]:
    """The content; its errors are the network's alone."""
    _check(url)
    opener = urllib.request.build_opener(_CheckedRedirects)
    try:
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as response:
            length = response.headers.get("Content-Length")
            expected = size if length is None else int(length)
            read = 0
            with progress(f"download {name}", math.ceil((expected or 1) / _PIECE)) as advance:
                while piece := response.read(_PIECE):
                    read += len(piece)
                    yield piece
                    advance(f"{read / 1e6:,.1f} MB")
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(f"{url}: {error}") from error
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DownloadError(f"{url}: {reason}") from error
    if length is not None and read < int(length):
        raise DownloadError(f"{url} stopped after {read:,} of {int(length):,} bytes")


def _check(url: str) -> None:
    parts = urlsplit(url)
    is_near = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not (parts.scheme == "https" or is_local(url) or is_near):
        raise DownloadError(f"{url}: neither https: nor a file: of this machine")
