"""The server of a local page."""

from __future__ import annotations

import errno
import os
import re
import secrets
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from nflows_core.runtime.local_page.reply import RefusedError, Reply
from nflows_core.runtime.local_page.visit import Visit
from nflows_core.runtime.terminal import echo

_LOOPBACK = "127.0.0.1"
_NUMBER = "(0|[1-9][0-9]{0,8})"


class LocalPage(ThreadingMixIn, TCPServer):
    """A page for one person; ``serve_forever`` serves it until an exception, such as that of Ctrl-C, ends it.

    A ``ValueError`` of a route's function is told to the page with status 400, and every other error with 500 and on
    the terminal too; both as ``{"error": "what it says"}``.

    Arguments:
        routes: The function of each ``"GET /path"`` or ``"POST /path"``. It is called with the numbers that stand for
            ``#`` in the path, and of a POST with the JSON value that was sent behind them. Those of POSTs are called
            one after the other, those of GETs at any time.
        port: The port; a free one if it is 0.
        most_bytes: The most bytes that are taken in one POST.

    Raises:
        ValueError: The port is in use.

    Example:
        >>> with LocalPage({"GET /squares/#": lambda number: Reply.json(number**2)}) as page:
        ...     page.address  # doctest: +ELLIPSIS
        'http://127.0.0.1:.../?key=...'
    """

    daemon_threads = True  # browsers open connections in advance, for which an end would wait
    allow_reuse_address = os.name != "nt"  # where it would let others listen beside us
    request_queue_size = 64

    def __init__(self, routes: Mapping[str, Callable[..., Reply]], port: int = 0, most_bytes: int = 2**20) -> None:
        self._key = secrets.token_urlsafe(32)
        self._routes = [(*_pattern(route), function) for route, function in routes.items()]
        self.most_bytes = most_bytes
        self.changing = threading.Lock()
        """Held while the function of a POST runs."""
        try:
            super().__init__((_LOOPBACK, port), Visit)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise ValueError(f"`port`: {port} is in use, or not for us; choose another, or leave it out") from error

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """What the person opens; to be printed, and shown to nobody else."""
        return f"http://{_LOOPBACK}:{self.port}{self.entrance}"

    @property
    def entrance(self) -> str:
        """The path of the first visit."""
        return f"/?key={self._key}"

    @property
    def cookie(self) -> str:
        """What the browser sends after that; of several pages at once, each has a name of its own."""
        return f"nflows-{self.port}={self._key}"

    @property
    def hosts(self) -> tuple[str, str]:
        """The names of this page; the second is that of a tunnel, as ``ssh -L`` makes one."""
        return f"{_LOOPBACK}:{self.port}", f"localhost:{self.port}"

    def find(self, method: str, path: str) -> tuple[Callable[..., Reply], list[int]]:
        """The function of an address, and the numbers in it.

        Raises:
            RefusedError: There is none.
        """
        for known, pattern, function in self._routes:
            if known == method and (match := pattern.fullmatch(path)):
                return function, [int(number) for number in match.groups()]
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is no such page")

    def server_close(self) -> None:
        """Stops listening, after the POST that is at work."""
        with self.changing:
            super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # that of a browser which went away
            echo(traceback.format_exc().rstrip(), err=True)


def _pattern(route: str) -> tuple[str, re.Pattern[str]]:
    method, path = route.split()
    return method, re.compile(re.escape(path).replace(r"\#", _NUMBER))
