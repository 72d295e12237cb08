"""What a local page sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from nflows_core.runtime.foreign_text import to_json

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; trusted-types 'none';"
    " require-trusted-types-for 'script'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Behind every reply: nothing of others is loaded, nothing is kept, and no other page shows it or reads it."""
HTML = "text/html; charset=utf-8"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": HTML,
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Reply:
    """What is sent back.

    Arguments:
        content: The bytes.
        media_type: What they are.
        status: The HTTP status.
        file_name: The name, in ASCII, under which a browser saves them; it shows them if there is none.
    """

    content: bytes
    media_type: str
    status: HTTPStatus = HTTPStatus.OK
    file_name: str | None = None

    @classmethod
    def json(cls, value: Any, status: HTTPStatus = HTTPStatus.OK) -> Reply:
        """A value of JSON's own types.

        Example:
            >>> Reply.json({"boxes": 3}).content
            b'{"boxes": 3}'
        """
        return cls(to_json(value).encode(), "application/json", status)

    @classmethod
    def resource(cls, package: str, name: str) -> Reply:
        """A file ``.html``, ``.css``, ``.js`` or ``.svg`` that comes with a package."""
        return cls(files(package).joinpath(name).read_bytes(), _TYPES[PurePath(name).suffix])


def resource_routes(package: str, files: Mapping[str, str]) -> dict[str, Callable[[], Reply]]:
    """The routes of files that come with a package, and of ``/ask.js``, by which their scripts ask the program.

    Arguments:
        package: The package.
        files: The path of each file in the package, by its path on the page without the first slash.
    """
    own = {"GET /ask.js": lambda: Reply.resource(__package__, "ask.js")}
    return own | {f"GET /{path}": partial(Reply.resource, package, name) for path, name in files.items()}


class RefusedError(Exception):
    """Ends a request.

    Arguments:
        status: The HTTP status.
        message: The words for the person.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
