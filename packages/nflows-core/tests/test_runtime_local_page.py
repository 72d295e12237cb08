"""Who may use a page that is meant for one person, and what may be sent to it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from nflows_core.runtime.local_page import LocalPage, Reply


@dataclass
class Shelf:
    """What the routes of the tests do: numbered values that are shown and replaced."""

    values: dict[int, Any] = field(default_factory=lambda: {0: "first"})
    error: Exception | None = None
    together: int = 0
    most_together: int = 0

    def show(self, number: int) -> Reply:
        if self.error is not None:
            raise self.error
        return Reply.json(self.values.get(number))

    def put(self, number: int, value: Any) -> Reply:
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        self.values[number] = value
        self.together -= 1
        return Reply.json("kept")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@contextmanager
def served(page: LocalPage) -> Iterator[LocalPage]:
    with page:
        thread = threading.Thread(target=page.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield page
        finally:
            page.shutdown()
            thread.join()


@pytest.fixture
def page(shelf: Shelf) -> Iterator[LocalPage]:
    routes = {"GET /": lambda: Reply(b"mine", "text/html"), "GET /values/#": shelf.show, "POST /values/#": shelf.put}
    with served(LocalPage(routes, most_bytes=1000)) as page:
        yield page


def ask(page: LocalPage, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
    """The answer to a request of the page itself, but for the headers that are given: an empty one is left out."""
    own = {"Host": page.hosts[0], "Cookie": page.cookie}
    if method == "POST":
        own |= {"Origin": f"http://{page.hosts[0]}", "Content-Type": "application/json"}
    own |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    for name, value in ({"Content-Length": str(len(sent))} | own).items():
        if value:
            connection.putheader(name, value)
    connection.endheaders(sent)
    answer = connection.getresponse()
    answer.content = answer.read()
    connection.close()
    return answer


def raw(page: LocalPage, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


def status(page: LocalPage, method: str, path: str, body: Any = None, **headers: str) -> int:
    return ask(page, method, path, body, **headers).status


def test_the_first_visit_moves_the_key_into_a_cookie_that_opens_the_page(page: LocalPage) -> None:
    first = ask(page, "GET", page.address.removeprefix(f"http://127.0.0.1:{page.port}"), Cookie="")
    cookie, *flags = first.headers["Set-Cookie"].split("; ")
    assert (first.status, set(flags)) == (200, {"HttpOnly", "SameSite=Strict", "Path=/"})
    assert status(page, "GET", "/", Cookie=cookie) == 200
    assert page.cookie.split("=")[1] not in first.content.decode()


def test_a_key_is_long_and_each_page_has_its_own() -> None:
    with LocalPage({}) as first, LocalPage({}) as second:
        assert first.cookie.split("=")[1] != second.cookie.split("=")[1]
        assert len(first.cookie.split("=")[1]) >= 43  # 256 bits in Base64


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("cookie", ["", "nflows=1", "{}=", "{}=wrong", "{}=\xe9", "x{}", '{}="'])
def test_nothing_is_shown_or_changed_without_the_key(page: LocalPage, shelf: Shelf, method: str, cookie: str) -> None:
    wrong = cookie.format(page.cookie.split("=")[0])
    answer = ask(page, method, "/values/0", "changed", Cookie=wrong)
    assert answer.status == 403
    assert b"first" not in answer.content
    assert shelf.values == {0: "first"}


@pytest.mark.parametrize("path", ["/?key=", "/?key=wrong", "/?token={}", "/values/0?key={}", "/?key={}&a"])
def test_only_the_printed_address_lets_in(page: LocalPage, path: str) -> None:
    answer = ask(page, "GET", path.format(page.cookie.split("=")[1]), Cookie="")
    assert (answer.status, answer.headers["Set-Cookie"]) == (403, None)


def test_the_cookie_is_found_among_those_of_other_ports(page: LocalPage) -> None:
    name = page.cookie.split("=")[0]
    assert status(page, "GET", "/", Cookie=f'a={{"b": "c"}}; {name}=wrong; {page.cookie}; d') == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{}", "127.0.0.1.nip.io:{}"]
)
def test_a_foreign_host_is_refused_even_with_the_key(page: LocalPage, host: str) -> None:
    assert status(page, "GET", "/values/0", Host=host.format(page.port)) == 403
    assert status(page, "GET", page.entrance, Host=host.format(page.port)) == 403


def test_a_tunnel_may_call_it_localhost(page: LocalPage) -> None:
    host = f"localhost:{page.port}"
    assert status(page, "POST", "/values/0", 1, Host=host, Origin=f"http://{host}") == 200
    assert status(page, "POST", "/values/0", 1, Host=host) == 403  # whose origin has the other name


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1:{}"])
def test_a_foreign_origin_is_refused_even_with_the_key(page: LocalPage, shelf: Shelf, origin: str) -> None:
    foreign = origin.format(page.port)
    assert status(page, "POST", "/values/0", 1, Origin=foreign) == 403
    assert status(page, "GET", "/values/0", Origin=foreign) == 403
    assert shelf.values == {0: "first"}


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_what_another_site_loads_is_refused_and_its_link_with_the_key_is_not(page: LocalPage, site: str) -> None:
    assert status(page, "GET", "/values/0", Sec_Fetch_Site=site) == 403
    assert status(page, "GET", page.entrance, Sec_Fetch_Site=site) == 200


@pytest.mark.parametrize("headers", [{"Origin": ""}, {"Content_Type": "text/plain"}, {"Content_Type": ""}])
def test_a_form_of_another_site_changes_nothing(page: LocalPage, shelf: Shelf, headers: dict[str, str]) -> None:
    assert status(page, "POST", "/values/0", 1, **headers) == 403
    assert shelf.values == {0: "first"}


@pytest.mark.parametrize(
    "path",
    [
        "/values/../values/0", "/values/%30", "/values/0/", "/values//0", "/values/-1", "/values/00", "/values/1.0",
        "/values/\u0660".encode().decode("latin-1"), "/values/9999999999", "/values/0%00", "/values/0?", "/values/0#",
        "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%5c..%5cetc", "//etc/passwd", "/values/etc/passwd",
        "http://127.0.0.1/values/0", "*", "/favicon.ico",
    ],
)  # fmt: skip
def test_an_address_holds_whole_numbers_and_nothing_else(page: LocalPage, path: str) -> None:
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: {page.hosts[0]}\r\nCookie: {page.cookie}\r\n\r\n"
        connection.sendall(head.encode("latin-1"))
        assert connection.makefile("rb").readline().split()[1] == b"404"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT", "PATCH", "get"])
def test_other_methods_are_refused_and_tell_nothing(page: LocalPage, method: str) -> None:
    answer = ask(page, method, "/values/0")
    assert answer.status == 501
    assert b"first" not in answer.content
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("length", "expected"), [("1001", 413), ("999999999999999999", 400), ("-1", 400), ("1_0", 400), ("x", 400)]
)
def test_no_more_is_read_than_is_allowed(page: LocalPage, length: str, expected: int) -> None:
    assert status(page, "POST", "/values/0", Content_Length=length) == expected


def test_what_was_cut_short_or_has_no_length_is_refused(page: LocalPage, shelf: Shelf) -> None:
    own = f"Host: {page.hosts[0]}\r\nCookie: {page.cookie}\r\nOrigin: http://{page.hosts[0]}\r\n"
    head = f"POST /values/0 HTTP/1.1\r\n{own}Content-Type: application/json\r\n".encode()
    assert raw(page, head + b"Content-Length: 5\r\n\r\n12").split()[1] == b"400"
    assert raw(page, head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n12").split()[1] == b"400"
    assert raw(page, head + b"Transfer-Encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n").split()[1] == b"411"
    assert shelf.values == {0: "first"}


@pytest.mark.parametrize(
    "request_", [b"", b"\r\n", b"GET\r\n\r\n", b"GET /\r\n\r\n", b"\xff\x00" * 50, b"GET / HTTP/9\r\n\r\n"]
)
def test_what_is_no_request_shows_nothing_and_ends_nothing(page: LocalPage, request_: bytes) -> None:
    assert b"mine" not in raw(page, request_)
    assert status(page, "GET", "/") == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 900, b"\xff"])
def test_what_is_no_json_is_refused_with_a_reason(page: LocalPage, shelf: Shelf, body: bytes) -> None:
    answer = ask(page, "POST", "/values/0", body)
    assert answer.status == 400
    assert json.loads(answer.content)["error"]
    assert shelf.values == {0: "first"}


def test_errors_are_told_to_the_page_and_the_unforeseen_on_the_terminal(
    page: LocalPage, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, expected, told in (
        (ValueError("no such box"), 400, ""),
        (OSError(28, "No space left on device", "a.json"), 500, "a.json: No space left on device"),
        (KeyError("forgotten"), 500, "Traceback"),
    ):
        shelf.error = error
        answer = ask(page, "GET", "/values/0")
        assert answer.status == expected
        assert json.loads(answer.content)["error"]
        assert capsys.readouterr().err.startswith(told)


@pytest.mark.parametrize("path", ["/", "/values/0", "/missing"])
def test_every_answer_forbids_frames_sniffing_caching_and_what_comes_from_elsewhere(page: LocalPage, path: str) -> None:
    headers = ask(page, "GET", path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Python" not in headers["Server"]


def test_changes_come_one_after_the_other(page: LocalPage, shelf: Shelf) -> None:
    threads = [threading.Thread(target=status, args=(page, "POST", "/values/0", number)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (shelf.most_together, shelf.values[0] in range(20)) == (1, True)


def test_it_listens_on_the_loopback_address_and_says_which_port_is_in_use(page: LocalPage) -> None:
    assert page.server_address[0] == "127.0.0.1"
    with pytest.raises(ValueError, match=f"`port`: {page.port} is in use"):
        LocalPage({}, page.port)


def test_the_end_waits_for_the_change_that_is_being_made(shelf: Shelf) -> None:
    is_begun, may_end, done = threading.Event(), threading.Event(), []

    def put(value: Any) -> Reply:
        is_begun.set()
        may_end.wait(20)
        done.append(value)
        return Reply.json("kept")

    with served(LocalPage({"POST /": put})) as page:
        asking = threading.Thread(target=status, args=(page, "POST", "/", 1))
        asking.start()
        assert is_begun.wait(20)
        page.shutdown()
        ending = threading.Thread(target=page.server_close)
        ending.start()
        ending.join(0.05)
        assert ending.is_alive()
        may_end.set()
        ending.join(20)
        asking.join(20)
    assert done == [1]


def test_a_download_has_a_name() -> None:
    with served(LocalPage({"GET /table": lambda: Reply(b"a", "text/csv", file_name="boxes.csv")})) as other:
        assert ask(other, "GET", "/table").headers["Content-Disposition"] == 'attachment; filename="boxes.csv"'
