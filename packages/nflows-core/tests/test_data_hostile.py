"""Data sets made by an enemy: an error in no time and in little memory, never a hang."""

from __future__ import annotations

import gzip
import io
import os
import struct
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nflows_core.data import DataError, read_images

LITTLE = 2**28
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor limits like these")


@pytest.fixture
def _little_memory() -> Iterator[None]:
    """A quarter of a GiB more than the process has taken so far."""
    resource = pytest.importorskip("resource")
    taken = Path("/proc/self/statm")
    if not taken.exists():
        pytest.skip("only Linux says how much memory a process has")
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(taken.read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + LITTLE, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def idx(sizes: tuple[int, ...], data: bytes = b"") -> bytes:
    return struct.pack(">HBB", 0, 8, len(sizes)) + struct.pack(f">{len(sizes)}I", *sizes) + data


def npy(header: bytes, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + data


def png(size: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("L", (size, size)).save(file, "PNG")
    return file.getvalue()


def inflating(path: Path, start: bytes, zeros: int) -> Path:
    """A gzip file of so many zero bytes, a thousandth of them on the disk."""
    with gzip.open(path, "wb", 1) as file:
        file.write(start)
        for _ in range(zeros >> 24):
            file.write(bytes(1 << 24))
    return path


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as file:
        for number in range(30):
            add(file, tarfile.TarInfo(f"{number}.png"), png())
        for member, content in members:
            add(file, member, content)
    return path


def odd(folder: Path, kind: str) -> None:
    path = folder / "odd.png"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")


def add(file: tarfile.TarFile, member: tarfile.TarInfo, content: bytes) -> None:
    member.size = len(content)
    file.addfile(member, io.BytesIO(content))


def refused(path: Path) -> str:
    with pytest.raises(DataError) as raised:
        read_images(path, "train")
    return str(raised.value)


# Headers that lie


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize(
    "sizes", [(2**32 - 1, 0, 0), (0, 2**32 - 1, 2**32 - 1), (20, 0, 28), (20, 28, 0), (0, 0, 0), (2**32 - 1, 1, 0)]
)
def test_idx_of_no_pixels(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    path = tmp_path / "x-images-idx3-ubyte"
    path.write_bytes(idx(sizes))
    assert "holds no images" in refused(path)


@pytest.mark.usefixtures("_little_memory")
def test_idx_that_inflates_past_its_header(tmp_path: Path) -> None:
    path = inflating(tmp_path / "x-images-idx3-ubyte.gz", idx((10, 8, 8)), 2 * LITTLE)
    assert "more than 656 bytes where 656 belong" in refused(path)


@pytest.mark.usefixtures("_little_memory")
def test_labels_that_inflate_past_their_header(tmp_path: Path) -> None:
    (tmp_path / "x-images-idx3-ubyte").write_bytes(idx((10, 8, 8), bytes(640)))
    inflating(tmp_path / "x-labels-idx1-ubyte.gz", idx((10,)), 2 * LITTLE)
    assert "more than 18 bytes where 18 belong" in refused(tmp_path / "x-images-idx3-ubyte")


def test_tar_that_inflates_past_all_pictures(tmp_path: Path) -> None:
    plain = archive(tmp_path / "x.tar").read_bytes().rstrip(b"\0")
    plain += bytes(-len(plain) % tarfile.BLOCKSIZE)
    member = tarfile.TarInfo("z.png")
    member.size = 2**31
    # The header alone is enough: nothing that follows it is inflated.
    path = inflating(tmp_path / "x.tar.gz", plain + member.tobuf(), 1 << 24)
    assert "with z.png it would hold 2,147,4" in refused(path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.tuples(*[st.integers(0, 2**32 - 1) | st.integers(0, 20)] * 3),
    data=st.binary(max_size=100),
    cut=st.integers(0, 40),
    is_compressed=st.booleans(),
)
@pytest.mark.usefixtures("_little_memory")
def test_idx_of_any_header(tmp_path: Path, sizes: tuple[int, ...], data: bytes, cut: int, is_compressed: bool) -> None:
    content = idx(sizes, data)
    content = content[: len(content) - cut]
    path = tmp_path / "x-images-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if is_compressed else content)
    try:
        images = read_images(path, "train")
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert images.pixels.numel() <= len(data)


_NUMBERS = st.integers(-3, 20) | st.integers(-(2**70), 2**70)
_HEADERS = st.fixed_dictionaries(
    {
        "descr": st.sampled_from(["|u1", "<f4", "<f2", ">f8", "|O", "|V0", "<c8", "|S0", "<U9", [("a", "<f4")]])
        | st.text(max_size=5),
        "fortran_order": st.booleans() | st.none(),
        "shape": st.lists(_NUMBERS, max_size=5).map(tuple) | st.just("x") | st.just((1,) * 40),
    }
).map(lambda header: repr(header).encode())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=_HEADERS
    | st.binary(max_size=60)
    | st.sampled_from(
        [
            b"(" * 9000,
            b"-" * 9000 + b"1",
            b"{" * 200,
            b"9" * 9000,
            b"__import__('os').abort()",
            b"1**9**9**9",
            b"x" * 20_000,
        ]
    ),
    data=st.binary(max_size=200),
)
@pytest.mark.usefixtures("_little_memory")
def test_npy_of_any_header(tmp_path: Path, header: bytes, data: bytes) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(npy(header, data))
    try:
        images = read_images(path, "train")
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert images.pixels.numel() <= len(data)


# What is no file


@posix
def test_a_pipe_or_a_device_is_no_data_set(tmp_path: Path) -> None:
    for name in ("x.npy", "x.tar", "x-images-idx3-ubyte", "x"):
        os.mkfifo(tmp_path / name)
        assert "a device or a pipe" in refused(tmp_path / name)
    (tmp_path / "zero.npy").symlink_to("/dev/zero")
    assert "a device or a pipe" in refused(tmp_path / "zero.npy")


@posix
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_among_pictures_is_named(tmp_path: Path, kind: str) -> None:
    for number in range(30):
        (tmp_path / f"{number}.png").write_bytes(png())
    odd(tmp_path, kind)
    assert refused(tmp_path) == (
        f"{tmp_path}/odd.png: is a folder, a device or a pipe, and no file; repair or remove it"
    )


@posix
def test_a_pipe_among_idx_files_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "train-images-idx3-ubyte")
    assert "train-images-idx3-ubyte: " in refused(tmp_path)


@pytest.mark.parametrize("links", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "/etc/passwd"}, {"a": "nowhere"}])
def test_links_of_an_archive_that_lead_nowhere(tmp_path: Path, links: dict[str, str]) -> None:
    members = []
    for name, target in links.items():
        member = tarfile.TarInfo(f"{name}.png")
        member.type, member.linkname = tarfile.SYMTYPE, target if "/" in target else f"{target}.png"
        members.append((member, b""))
    assert "a.png: a link that leads nowhere" in refused(archive(tmp_path / "x.tar", *members))


def test_absolute_names_of_an_archive_are_those_below_its_top(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        for number in range(60):
            add(file, tarfile.TarInfo(f"{'/' * (number % 3)}{'ab'[number % 2]}/{number}.png"), png())
    images = read_images(tmp_path / "x.tar", "train")
    assert images.classes == ("a", "b")
    assert all(name.startswith(("a/", "b/")) for name in images.names)


@posix
def test_a_data_set_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9") / "\x1b[31m\u202e"
    folder.mkdir(parents=True)
    for number in range(30):
        (folder / f"{number}.png").write_bytes(png())
    assert read_images(folder.parent, "train").classes == (folder.name,)


def test_an_array_that_is_not_there(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((30, 8, 8), np.uint8))
    os.truncate(tmp_path / "x.npy", 1000)
    assert "not a plain array" in refused(tmp_path / "x.npy")
