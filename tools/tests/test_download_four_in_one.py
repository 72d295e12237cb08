from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from test_download_data import Server, server

import download_four_in_one
from download_four_in_one import PictureSet, find_pictures, main, obtain, read_sets

__all__ = ["server"]

PICTURES = {"HR/0001.png": b"one", "HR/0002.png": b"two", "about.txt": b"words"}


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in PICTURES.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in PICTURES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def from_archive(server: Server, name: str, content: bytes) -> PictureSet:
    server.files[f"/{name}"] = content
    return PictureSet("A", 2, "none", f"{server.url}{name}", hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(("name", "content"), [("a.zip", zipped()), ("a.tar.gz", tarred())])
def test_an_archive_becomes_a_folder_once(server: Server, tmp_path: Path, name: str, content: bytes) -> None:
    one = from_archive(server, name, content)
    assert list(obtain(one, tmp_path)) == []
    assert [path.read_bytes() for path in find_pictures(tmp_path / "A")] == [b"one", b"two"]
    assert list(obtain(one, tmp_path)) == []
    assert len(server.requests) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["A"]


def test_a_download_that_broke_off_goes_on(server: Server, tmp_path: Path) -> None:
    one = from_archive(server, "a.zip", zipped())
    server.limit = 100
    (problem,) = obtain(one, tmp_path)
    assert "run this again to go on" in problem
    server.limit = None
    assert list(obtain(one, tmp_path)) == []
    assert server.requests[-1] == ("/a.zip", "bytes=100-")


def test_another_archive_is_not_unpacked(server: Server, tmp_path: Path) -> None:
    one = from_archive(server, "a.zip", zipped())
    server.files["/a.zip"] = tarred()
    (problem,) = obtain(one, tmp_path)
    assert f"instead of {one.sha256}" in problem
    assert list(tmp_path.iterdir()) == []


def test_pictures_fetched_by_hand_are_known_from_then_on(tmp_path: Path) -> None:
    one = PictureSet("B", 2, "research", by_hand="https://example.org")
    (problem,) = obtain(one, tmp_path)
    assert problem.endswith(
        "B has 0 pictures instead of 2; fetch them from https://example.org (licence: research),"
        " put them there, and run this again"
    )
    (tmp_path / "B" / "deep").mkdir(parents=True)
    (tmp_path / "B" / "deep" / "a.JPG").write_bytes(b"a")
    (tmp_path / "B" / "b.png").write_bytes(b"b")
    assert list(obtain(one, tmp_path)) == []
    assert f"{hashlib.sha256(b'a').hexdigest()}  deep/a.JPG\n" in (tmp_path / "B" / "SHA256SUMS").read_text()
    assert list(obtain(one, tmp_path)) == []
    (tmp_path / "B" / "b.png").write_bytes(b"c")
    (problem,) = obtain(one, tmp_path)
    assert problem.endswith("B: 1 pictures are not those that SHA256SUMS names")


def test_the_exit_code_says_whether_all_is_there(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [from_archive(server, "a.zip", zipped()), PictureSet("B", 1, "none", by_hand="here")]
    monkeypatch.setattr(download_four_in_one, "read_sets", lambda: sets)
    assert main([str(tmp_path), "--only", "A"]) == 0
    assert main([str(tmp_path)]) == 1
    assert "B has 0 pictures instead of 1" in capsys.readouterr().err


def test_the_list_is_the_recipe() -> None:
    sets = {one.folder: one for one in read_sets()}
    assert sets.keys() == {"DIV2K", "DIV8K", "NEOCR", "DTD"}
    assert sum(one.pictures for one in sets.values()) == 8599
    for one in sets.values():
        assert bool(one.archive) != bool(one.by_hand)
        assert len(bytes.fromhex(one.sha256)) == (32 if one.archive else 0)
