from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import download_data
from download_data import DataSet, download, is_right, main, read_sets, repack

IMAGE = bytes(range(256)) * 40


class Server(ThreadingHTTPServer):
    """Serves `files`, in ranges if `ranges`, at most `limit` bytes a request, and notes what is asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.limit: int | None = None
        self.requests: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers["Range"] if self.server.ranges else None
        self.server.requests.append((self.path, asked))
        content = self.server.files.get(self.path)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if content is None or start >= len(content):
            self.send_error(404 if content is None else 416)
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: self.server.limit])

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: `requests` has it all."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pictures(server: Server) -> DataSet:
    server.files["/HR/a%20b.png"] = IMAGE
    return DataSet("sr/Set5", server.url, "none", {"HR/a b.png": sha256(IMAGE)})


def names(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    data_set = pictures(server)
    assert list(download(data_set, tmp_path)) == []
    assert (tmp_path / "sr/Set5/HR/a b.png").read_bytes() == IMAGE
    assert names(tmp_path) == ["sr/Set5/HR/a b.png"]
    assert list(download(data_set, tmp_path)) == []
    assert server.requests == [("/HR/a%20b.png", None)]


def test_a_file_that_was_damaged_is_fetched_again(server: Server, tmp_path: Path) -> None:
    data_set = pictures(server)
    target = tmp_path / "sr/Set5/HR/a b.png"
    target.parent.mkdir(parents=True)
    target.write_bytes(IMAGE[:-1])
    assert list(download(data_set, tmp_path)) == []
    assert target.read_bytes() == IMAGE


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_broke_off_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    data_set = pictures(server)
    server.ranges, server.limit = ranges, 1000
    (problem,) = download(data_set, tmp_path)
    assert f"{len(IMAGE) - 1000} more expected" in problem
    assert "run this again to go on" in problem
    assert names(tmp_path) == ["sr/Set5/HR/part-a b.png"]

    server.limit = None
    assert list(download(data_set, tmp_path)) == []
    assert names(tmp_path) == ["sr/Set5/HR/a b.png"]
    assert (tmp_path / "sr/Set5/HR/a b.png").read_bytes() == IMAGE
    assert server.requests[-1] == ("/HR/a%20b.png", "bytes=1000-" if ranges else None)


def test_a_download_that_was_stopped_before_its_check(server: Server, tmp_path: Path) -> None:
    data_set = pictures(server)
    (tmp_path / "sr/Set5/HR").mkdir(parents=True)
    (tmp_path / "sr/Set5/HR/part-a b.png").write_bytes(IMAGE)
    assert list(download(data_set, tmp_path)) == []
    assert names(tmp_path) == ["sr/Set5/HR/a b.png"]


def test_a_wrong_file_never_gets_its_name(server: Server, tmp_path: Path) -> None:
    data_set = pictures(server)
    server.files["/HR/a%20b.png"] = IMAGE[::-1]
    (problem,) = download(data_set, tmp_path)
    assert "a b.png" in problem
    assert names(tmp_path) == []


def test_one_missing_file_does_not_stop_the_others(server: Server, tmp_path: Path) -> None:
    server.files["/b"] = b"b"
    data_set = DataSet("x", server.url, "none", {"a": sha256(b"a"), "b": sha256(b"b")})
    (problem,) = download(data_set, tmp_path)
    assert "/a: HTTP Error 404: Not Found" in problem
    assert names(tmp_path) == ["x/b"]


def test_no_server(tmp_path: Path) -> None:
    with Server() as gone:
        data_set = pictures(gone)
    (problem,) = download(data_set, tmp_path)
    assert "refused" in problem


def test_the_packing_of_a_gz_does_not_matter(server: Server, tmp_path: Path) -> None:
    data_set = DataSet("mnist", server.url, "none", {"idx.gz": sha256(IMAGE)})
    server.files["/idx.gz"] = gzip.compress(IMAGE, compresslevel=1, mtime=7)
    assert list(download(data_set, tmp_path)) == []
    (tmp_path / "mnist/idx.gz").write_bytes(gzip.compress(IMAGE, compresslevel=9))
    assert is_right(tmp_path / "mnist/idx.gz", sha256(IMAGE))
    for damaged in (b"", IMAGE, gzip.compress(IMAGE)[:-9], gzip.compress(IMAGE[1:])):
        (tmp_path / "mnist/idx.gz").write_bytes(damaged)
        assert not is_right(tmp_path / "mnist/idx.gz", sha256(IMAGE))


def repository(files: dict[str, bytes], mtime: int = 0) -> bytes:
    """An archive of a repository as its host makes it: a folder around everything, in no order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"owner-pictures-1a2b3c/{name}")
            member.size, member.mtime, member.uname = len(content), mtime, "somebody"
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


FILES = {"test/b/1.jpg": b"three", "README.md": b"words", "test/a/0.jpg": b"two", "tests/c.jpg": b"other"}


def test_a_folder_of_an_archive_becomes_a_tar(tmp_path: Path) -> None:
    archive = tmp_path / "archive.tar.gz"
    archive.write_bytes(repository(FILES))
    first = repack(archive, "test")
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        assert tar.getnames() == ["test/a/0.jpg", "test/b/1.jpg"]
        assert [(member.mtime, member.uname) for member in tar] == [(0, "")] * 2
    archive.write_bytes(repository(dict(reversed(FILES.items())), mtime=99))
    assert repack(archive, "test") == first


def test_an_archive_is_fetched_once_for_all_its_folders(server: Server, tmp_path: Path) -> None:
    server.files["/archive"] = repository(FILES | {"train/a/2.jpg": b"four"})
    (tmp_path / "expected").write_bytes(server.files["/archive"])
    digests = {f"{name}.tar": sha256(repack(tmp_path / "expected", name)) for name in ("train", "test")}
    archived = {"train.tar": "train", "test.tar": "test"}
    data_set = DataSet("pictures", f"{server.url}archive", "none", digests, archived)
    assert list(download(data_set, tmp_path)) == []
    assert names(tmp_path / "pictures") == ["test.tar", "train.tar"]
    assert server.requests == [("/archive", None)]


def test_what_is_no_archive(server: Server, tmp_path: Path) -> None:
    server.files["/archive"] = b"<html>"
    data_set = DataSet("pictures", f"{server.url}archive", "none", {"test.tar": "0"}, {"test.tar": "test"})
    (problem,) = download(data_set, tmp_path)
    assert "no archive" in problem
    assert names(tmp_path) == []


def test_the_exit_code_says_whether_all_is_there(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [pictures(server), DataSet("other", server.url, "none", {"absent": "0"})]
    monkeypatch.setattr(download_data, "read_sets", lambda: sets)
    assert main([str(tmp_path), "--only", "sr/Set5"]) == 0
    assert main([str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "404" in captured.err
    assert captured.out.count("a b.png") == 1


def test_the_list_of_sets_is_sound() -> None:
    sets = read_sets()
    for data_set in sets:
        assert data_set.url.startswith("https://")
        assert data_set.archived or data_set.url.endswith("/")
        assert set(data_set.archived) in (set(), set(data_set.sha256))
        assert all(len(bytes.fromhex(digest)) == 32 for digest in data_set.sha256.values())
    targets = [f"{data_set.folder}/{name}" for data_set in sets for name in data_set.sha256]
    assert len(targets) == len(set(targets))


@pytest.mark.real_data
def test_the_data_at_hand_is_what_the_list_says(data_folder: Path) -> None:
    expected = {data_folder / one.folder / name: digest for one in read_sets() for name, digest in one.sha256.items()}
    assert [file for file, digest in expected.items() if file.exists() and not is_right(file, digest)] == []
