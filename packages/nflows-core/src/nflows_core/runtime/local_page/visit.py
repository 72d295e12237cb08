"""One request to a local page: who sent it, what was sent, and what is sent back."""

from __future__ import annotations

import hmac
import re
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from nflows_core.runtime.errors import explain
from nflows_core.runtime.foreign_text import parse_json
from nflows_core.runtime.local_page.reply import HEADERS, HTML, RefusedError, Reply
from nflows_core.runtime.terminal import echo

if TYPE_CHECKING:
    from nflows_core.runtime.local_page.server import LocalPage

# The page goes on by itself: after a redirection that another site began, no browser would send the cookie.
_ENTRANCE = b'<!doctype html><title>nflows</title><meta http-equiv="refresh" content="0;url=/"><a href="/">Go on</a>\n'


class Visit(BaseHTTPRequestHandler):
    """One request, on a connection of its own."""

    server: LocalPage
    timeout = 30.0  # seconds for the rest of what was begun to be sent

    def do_GET(self) -> None:
        self._answer(self._shown)

    def do_POST(self) -> None:
        self._answer(self._changed)

    def _answer(self, reply: Callable[[bytes], Reply]) -> None:
        headers = {}
        try:
            sent = self._sent()  # before a refusal, too: who is still sending does not hear one
            is_entering = self.command == "GET" and _equal(self.path, self.server.entrance)
            self._require_own_site(is_entering)
            if is_entering:
                answer = Reply(_ENTRANCE, HTML)
                headers = {"Set-Cookie": f"{self.server.cookie}; HttpOnly; SameSite=Strict; Path=/"}
            else:
                self._require_cookie()
                answer = reply(sent)
        except RefusedError as refusal:
            answer = Reply.json({"error": str(refusal)}, refusal.status)
        except ValueError as error:
            answer = Reply.json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except Exception as error:
            answer = _failed(error)
        self._send(answer, headers)

    def _shown(self, sent: bytes) -> Reply:
        function, numbers = self.server.find("GET", self.path)
        return function(*numbers)

    def _changed(self, sent: bytes) -> Reply:
        if "Origin" not in self.headers or self.headers.get_content_type() != "application/json":
            raise RefusedError(HTTPStatus.FORBIDDEN, "a change comes from the page itself, as JSON")
        function, numbers = self.server.find("POST", self.path)
        value = parse_json(sent)
        with self.server.changing:
            return function(*numbers, value)

    def _sent(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "the length of what is sent must be known")
        length = self._only("Content-Length", "0")
        if not re.fullmatch("[0-9]{1,15}", length):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the length of what is sent is no number")
        if int(length) > self.server.most_bytes:
            message = f"more than {self.server.most_bytes:,} bytes are not taken at once"
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        try:
            sent = self.rfile.read(int(length))
        except TimeoutError as error:
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "what was to be sent did not come") from error
        if len(sent) < int(length):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "less was sent than was said")
        return sent

    def _require_own_site(self, is_entering: bool) -> None:
        """Refuses what another site asks for; who has the key may come in from anywhere, as from a web terminal."""
        host = self._only("Host", "")
        if host not in self.server.hosts:
            raise RefusedError(HTTPStatus.FORBIDDEN, "this page has another name; open the address that was printed")
        is_own = self._only("Sec-Fetch-Site", "none") in ("none", "same-origin") or is_entering
        if self._only("Origin", f"http://{host}") != f"http://{host}" or not is_own:
            raise RefusedError(HTTPStatus.FORBIDDEN, "other sites may not use this page")

    def _require_cookie(self) -> None:
        cookies = ";".join(self.headers.get_all("Cookie", [])).split(";")
        if not any(_equal(cookie.strip(), self.server.cookie) for cookie in cookies):
            message = "open the address that the command printed, with the key in it; each start makes a new one"
            raise RefusedError(HTTPStatus.FORBIDDEN, message)

    def _only(self, name: str, default: str) -> str:
        values = self.headers.get_all(name, [default])
        if len(values) > 1:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"more than one {name}")
        return str(values[0])

    def _send(self, reply: Reply, headers: Mapping[str, str]) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media_type)
        self.send_header("Content-Length", str(len(reply.content)))
        if reply.file_name is not None:
            self.send_header("Content-Disposition", f'attachment; filename="{reply.file_name}"')
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.content)

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        return "nflows"

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the lines would hold the key."""


def _equal(given: str, secret: str) -> bool:
    """Whether they are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), secret.encode())


def _failed(error: Exception) -> Reply:
    message, _ = explain(error)
    if not isinstance(error, OSError):
        echo(traceback.format_exc().rstrip(), err=True)
    echo(message, err=True)
    return Reply.json({"error": message}, HTTPStatus.INTERNAL_SERVER_ERROR)
