from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import subprocess
import sys
import textwrap
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nflows_core.runtime import download as download_module
from nflows_core.runtime import weights as weights_module
from nflows_core.runtime.download import DownloadError, download
from nflows_core.runtime.errors import CommandError, ExitCode, explain
from nflows_core.runtime.weights import Weights, cache_folder, choose_weights, find_weights, load_state

CONTENT = bytes(range(256)) * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


@dataclass
class Mirror:
    """A server of this machine: what it is asked for, and by what it answers."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            kind = self.path.rpartition("/")[2]
            if kind == "missing":
                self.send_error(404)
                return
            if kind.startswith("moved"):
                self.send_response(302)
                self.send_header("Location", "http://example.invalid/" if kind == "moved-away" else "/good")
                self.end_headers()
                return
            body = b"other" if kind == "other" else CONTENT
            length = str(len(body) + (1000 if kind == "short" else 0))
            self.send_response(200)
            if kind != "unmeasured" and kind != "endless":
                self.send_header("Content-Length", "many" if kind == "nonsense" else length)
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(body)
                while kind == "endless":
                    self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


@pytest.fixture
def mirror(server: tuple[str, list[str]]) -> Mirror:
    url, asked = server
    asked.clear()
    return Mirror(url, asked)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and nothing from the machine's own settings."""
    for name in ("NFLOWS_MODELS", "NFLOWS_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NFLOWS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def of(*mirrors: str, **changes: object) -> Weights:
    weights = Weights("eyes", "eyes-2.onnx", "v2", DIGEST, mirrors, len(CONTENT))
    return replace(weights, **changes)  # type: ignore[arg-type]


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def refused(weights: Weights | Path) -> str:
    """The message about weights that cannot be had; two lines at most, and exit code 3."""
    with pytest.raises(CommandError) as raised:
        find_weights(weights)
    message, exit_code = explain(raised.value)
    assert exit_code == ExitCode.WEIGHTS
    assert message == str(raised.value)
    return message


# Downloads


def test_weights_are_downloaded_once(mirror: Mirror, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = of(f"{mirror.url}/good")
    path = find_weights(weights)
    assert path == cache / "weights" / "eyes" / "v2" / "eyes-2.onnx"
    assert path.read_bytes() == CONTENT
    assert find_weights(weights) == path
    assert mirror.asked == ["/good"]
    assert files(cache) == ["weights/eyes/v2/eyes-2.onnx"]
    assert capsys.readouterr().err == "download eyes-2.onnx 1/1: 0.3 MB\n"


@pytest.mark.parametrize("kind", ["good", "unmeasured", "nonsense", "moved"])
def test_answers_that_are_right(mirror: Mirror, kind: str) -> None:
    assert find_weights(of(f"{mirror.url}/{kind}", size=None)).read_bytes() == CONTENT


def test_a_file_is_a_mirror(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b").write_bytes(CONTENT)
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    assert find_weights(of((tmp_path / "a b").as_uri())).read_bytes() == CONTENT
    assert files(cache) == ["weights/eyes/v2/eyes-2.onnx"]


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("missing", "/missing: HTTP Error 404: Not Found"),
        ("short", "/short stopped after 256,000 of 257,000 bytes"),
        ("other", f"/other sent a file with the SHA-256 {OTHER} instead of {DIGEST}"),
        ("moved-away", "http://example.invalid/: neither https: nor a file: of this machine"),
    ],
)
def test_answers_that_are_wrong(mirror: Mirror, cache: Path, kind: str, problem: str) -> None:
    message = refused(of(f"{mirror.url}/{kind}", size=None))
    assert problem in message.splitlines()[0]
    assert files(cache) == []
    assert find_weights(of(f"{mirror.url}/{kind}", f"{mirror.url}/good")).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("endless", "/endless sends more than 256,000 bytes"),
        ("short", "/short has 257,000 bytes instead of 256,000"),
        ("other", "/other has 5 bytes instead of 256,000"),
    ],
)
def test_no_more_than_the_known_size_is_taken(mirror: Mirror, cache: Path, kind: str, problem: str) -> None:
    assert problem in refused(of(f"{mirror.url}/{kind}"))
    assert files(cache) == []
    assert find_weights(of(f"{mirror.url}/{kind}", f"{mirror.url}/good")).read_bytes() == CONTENT


def test_a_mirror_that_drips_is_given_up(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "_LEAST_BYTES_PER_SECOND", 10**15)
    monkeypatch.setattr(download_module, "_PATIENCE_SECONDS", 0)
    assert re.search(r"/good sent [\d,]+ bytes in 0 seconds, which is too slow", refused(of(f"{mirror.url}/good")))


BAD_URLS = [
    *("http://[", "https://[::1", "https://[127.0.0.1]/x", "https://a b/\0", "https://example.invalid:port/x"),
    *("https:///x", "https://" + "a" * 70 + ".invalid/x", "https://127.0.0.1:99999999/x", "//", ":", "\x1b[31m"),
    *("javascript:alert(1)", "file:", "file:///", "file:///dev/zero", "file://[", "file:///%00", "file:///nowhere"),
]


@pytest.mark.parametrize("url", BAD_URLS)
@pytest.mark.parametrize("offline", ["", "1"])
def test_no_url_ends_the_search(
    mirror: Mirror, tmp_path: Path, url: str, offline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good").write_bytes(CONTENT)
    monkeypatch.setenv("NFLOWS_OFFLINE", offline)
    assert find_weights(of(url, (tmp_path / "good").as_uri())).read_bytes() == CONTENT


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_no_mirror(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "a device or a pipe" in refused(of((tmp_path / "pipe").as_uri()))


@pytest.mark.parametrize(
    ("url", "place", "problem"),
    [
        ("https://example.invalid/x", "http://127.0.0.1/x", "on this machine"),
        ("https://example.invalid/x", "file:///etc/passwd", "on this machine"),
        ("https://example.invalid/x", "http://example.invalid/y", "neither https:"),
        ("https://example.invalid/x", "ftp://example.invalid/y", "neither https:"),
        ("https://example.invalid/x", "http://[", "neither https:"),
    ],
)
def test_a_redirection_leads_to_no_server_of_this_machine(url: str, place: str, problem: str) -> None:
    handler = download_module._CheckedRedirects()
    with pytest.raises(DownloadError, match=problem):
        handler.redirect_request(urllib.request.Request(url), io.BytesIO(), 302, "Found", HTTPMessage(), place)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
@pytest.mark.parametrize("content", [None, b"mine"])
def test_nothing_is_written_through_a_link_in_the_cache(mirror: Mirror, tmp_path: Path, content: bytes | None) -> None:
    weights, victim = of(f"{mirror.url}/good"), tmp_path / "victim"
    weights.cached.parent.mkdir(parents=True)
    weights.cached.symlink_to(victim)
    if content:
        victim.write_bytes(content)
    assert "is a link; remove it" in refused(weights)
    assert (victim.read_bytes() if victim.exists() else None) == content
    victim.write_bytes(CONTENT)
    assert find_weights(weights) == weights.cached
    assert mirror.asked == []


def test_a_mirror_that_is_dead(mirror: Mirror) -> None:
    dead = "http://127.0.0.1:9/eyes"
    assert "127.0.0.1:9/eyes: [Errno" in refused(of(dead))
    assert find_weights(of(dead, f"{mirror.url}/good")).read_bytes() == CONTENT


@pytest.mark.parametrize("url", ["http://example.invalid/x", "ftp://127.0.0.1/x", "file://elsewhere/x", "/x", ""])
def test_urls_that_are_no_mirrors(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="neither https: nor a file: of this machine"):
        download(url, tmp_path / "x", DIGEST)
    assert files(tmp_path) == []


def test_the_message_says_what_to_put_where(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    place = cache / "weights" / "eyes" / "v2" / "eyes-2.onnx"
    assert refused(of("https://example.invalid/eyes")) == (
        "eyes: the weights are missing: NFLOWS_OFFLINE forbids a download\n"
        f"Put eyes-2.onnx (256,000 bytes, SHA-256 {DIGEST}) from https://example.invalid/eyes at {place}, "
        "or into a folder that NFLOWS_MODELS names."
    )
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    assert find_weights(of()) == place


def test_offline_no_server_is_asked(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    refused(of(f"{mirror.url}/good"))
    assert mirror.asked == []
    monkeypatch.setenv("NFLOWS_OFFLINE", "0")
    assert find_weights(of(f"{mirror.url}/good")).read_bytes() == CONTENT


def test_a_cached_file_that_was_damaged(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = of(f"{mirror.url}/good")
    weights.cached.parent.mkdir(parents=True)
    weights.cached.write_bytes(b"other")
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    assert f"eyes-2.onnx has the SHA-256 {OTHER} instead of {DIGEST}; NFLOWS_OFFLINE" in refused(weights)
    monkeypatch.delenv("NFLOWS_OFFLINE")
    assert find_weights(weights).read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written(mirror: Mirror, cache: Path) -> None:
    cache.write_bytes(b"a file where the folder should be")
    assert "set NFLOWS_CACHE to a folder to write to" in refused(of(f"{mirror.url}/good"))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write to every folder")
def test_a_cache_that_is_read_only(mirror: Mirror, cache: Path) -> None:
    weights = of(f"{mirror.url}/good")
    find_weights(weights)
    (cache / "weights").chmod(0o555)
    assert find_weights(weights).read_bytes() == CONTENT
    assert "Permission denied; set NFLOWS_CACHE" in refused(replace(weights, name="ears"))


def test_two_processes_at_once(mirror: Mirror, cache: Path) -> None:
    code = f"""
        from nflows_core.runtime.weights import Weights, find_weights
        weights = Weights("eyes", "eyes-2.onnx", "v2", "{DIGEST}", ("{mirror.url}/good",))
        input()
        print(find_weights(weights))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    place = cache / "weights" / "eyes" / "v2" / "eyes-2.onnx"
    for process in processes:
        output, error = process.communicate(timeout=60)
        assert output == f"{place}\n", error
    assert files(cache) == ["weights/eyes/v2/eyes-2.onnx"]
    assert place.read_bytes() == CONTENT


# Where weights are looked for


def test_a_folder_of_models_comes_first(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NFLOWS_MODELS", str(tmp_path))
    weights = of(f"{mirror.url}/good")
    assert find_weights(weights) == weights.cached
    own = tmp_path / "eyes-2.onnx"
    own.write_bytes(CONTENT)
    assert find_weights(weights) == own
    own.write_bytes(b"other")
    assert refused(weights) == f"eyes: {own} has the SHA-256 {OTHER} instead of {DIGEST}; replace or remove it"
    assert own.read_bytes() == b"other"


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.pt").write_bytes(b"anything")
    assert find_weights(tmp_path / "mine.pt") == tmp_path / "mine.pt"
    assert "nowhere.pt: no such weights; check the path" in refused(tmp_path / "nowhere.pt")


def test_a_person_names_weights_or_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known = [of(), of(name="ears")]
    assert choose_weights("ears", known) == known[1]
    with pytest.raises(CommandError, match=r"^eye: no such weights; give the path of a file, or one of eyes, ears$"):
        choose_weights("eye", known)
    Path("ears").touch()
    assert choose_weights("ears", known) == Path("ears")


@pytest.mark.parametrize(
    "changes", [{"file": "../x"}, {"name": ""}, {"revision": ".."}, {"sha256": "1" * 63}, {"sha256": DIGEST.upper()}]
)
def test_settings_that_make_no_sense(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^weights '.*(is no name of a file|is no SHA-256)"):
        of(**changes)


@pytest.mark.parametrize(
    ("system", "variables", "place"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/nflows"),
        ("linux", {"XDG_CACHE_HOME": "x"}, "/h/.cache/nflows"),
        ("linux", {}, "/h/.cache/nflows"),
        ("darwin", {"XDG_CACHE_HOME": "/x"}, "/h/Library/Caches/nflows"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/nflows"),
        ("win32", {"LOCALAPPDATA": "/l", "NFLOWS_CACHE": "/c"}, "/c"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="the paths are those of POSIX")
def test_each_system_has_its_cache(
    system: str, variables: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NFLOWS_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/h", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(weights_module.sys, "platform", system)
    assert cache_folder() == Path(place)


def test_nobody_has_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("NFLOWS_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(CommandError, match="no home folder for downloads; set NFLOWS_CACHE"):
        cache_folder()


# What is in the file


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, ("harmed",)


def same(state: dict[str, torch.Tensor], tensors: dict[str, torch.Tensor]) -> bool:
    return state.keys() == tensors.keys() and all(torch.equal(state[name], tensors[name]) for name in tensors)


def test_load_state(tmp_path: Path) -> None:
    tensors = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}
    save_file(tensors, tmp_path / "x.safetensors")
    torch.save(tensors, tmp_path / "x.pth")
    torch.save({"params_ema": tensors}, tmp_path / "nested.pt", _use_new_zipfile_serialization=False)
    assert same(load_state(tmp_path / "x.safetensors"), tensors)
    assert same(load_state(tmp_path / "x.pth"), tensors)
    assert same(load_state(tmp_path / "nested.pt")["params_ema"], tensors)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", bytes(64), b"\x80\x04NN.", b"half"])
def test_damaged_files(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.(pt|safetensors)"):
        load_state(path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_that_is_cut_short(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)({"a": torch.ones(100)}, path)
    for size in (path.stat().st_size - 1, 100, 1):
        os.truncate(path, size)
        with pytest.raises(ValueError, match=r"is (damaged|cut short)|holds more than tensors"):
            load_state(path)


def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Evil()}, "zip.pt")
    Path("plain.pkl").write_bytes(pickle.dumps(Evil(), protocol=2))
    for name in ("zip.pt", "plain.pkl"):
        with pytest.raises(ValueError, match=f"^{name} holds more than tensors.*can run any code"):
            load_state(name)
    assert not Path("harmed").exists()


def test_a_file_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "words.pt").write_text("hello world, this is text")
    with pytest.raises(ValueError, match=r"words\.pt is damaged or no file of torch\.save; take an intact copy$"):
        load_state(tmp_path / "words.pt")
    torch.save([torch.ones(3)], tmp_path / "list.pt")
    with pytest.raises(ValueError, match=r"list\.pt holds a list instead of tensors by name"):
        load_state(tmp_path / "list.pt")
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "nowhere.pt")
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "nowhere.safetensors")
