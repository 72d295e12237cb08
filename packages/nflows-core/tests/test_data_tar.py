from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from nflows_core.data import DataError, read_images


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (4, 4), shade).save(buffer, "PNG")
    return buffer.getvalue()


def write_tar(path: Path, names: Sequence[str], first: int = 0) -> None:
    """An archive of grey images whose shades count up."""
    mode = {"": "w", ".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}[path.suffix.replace(".tar", "")]
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for shade, name in enumerate(names, first):
            content = b"junk" if name.endswith(".db") else png(shade)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def shades(path: Path, split: str) -> list[int]:
    return read_images(path, split).pixels[:, 0, 0, 0].tolist()  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_order_of_the_archive(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data{suffix}"
    write_tar(path, ["train/b.png", "test/z.png", "train/a.png", "./train/Thumbs.db"])
    assert shades(path, "train") == [0, 2]
    assert shades(path, "test") == [1]


def test_folders_above_the_classes_are_no_class(tmp_path: Path) -> None:
    write_tar(tmp_path / "data.tar", [f"data/{name}/{n}.png" for n in range(20) for name in ("cat", "dog")])
    images = read_images(tmp_path / "data.tar", "train")
    assert images.classes == ("cat", "dog")
    assert images.labels is not None
    assert (images.labels == images.pixels[:, 0, 0, 0] % 2).all()


def test_one_archive_for_each_split(tmp_path: Path) -> None:
    write_tar(tmp_path / "train.tar", [f"train/{name}/{n}.png" for n in range(5) for name in ("cat", "dog")])
    write_tar(tmp_path / "test.tar", ["test/cat/0.png", "test/dog/0.png"], first=100)
    assert shades(tmp_path, "train") == list(range(10))
    assert shades(tmp_path, "test") == [100, 101]


def test_the_split_is_the_same_as_that_of_the_unpacked_folder(tmp_path: Path) -> None:
    write_tar(tmp_path / "data.tar", [f"{n:02}.png" for n in range(50)])
    with tarfile.open(tmp_path / "data.tar") as archive:
        archive.extractall(tmp_path / "folder", filter="data")
    assert shades(tmp_path / "data.tar", "test") == shades(tmp_path / "folder", "test")


@pytest.mark.parametrize("name", ["data.tar", "data.tar.gz", "data.tar.xz"])
@pytest.mark.parametrize("part", [0, 0.001, 0.1, 0.25, 1 / 3, 0.5, 0.7])
def test_truncated_archive(tmp_path: Path, name: str, part: float) -> None:
    write_tar(tmp_path / name, [f"{n}.png" for n in range(50)])
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError, match=f"{name}: cut off or damaged"):
        read_images(tmp_path / name, "train")


def test_no_archive(tmp_path: Path) -> None:
    (tmp_path / "data.tar").write_text("no archive at all")
    with pytest.raises(DataError, match=r"data.tar: cut off or damaged"):
        read_images(tmp_path / "data.tar", "train")


def test_empty_archive(tmp_path: Path) -> None:
    write_tar(tmp_path / "data.tar", [])
    with pytest.raises(DataError, match="holds no images"):
        read_images(tmp_path / "data.tar", "train")


def test_a_link_in_the_archive_is_no_picture(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        member = tarfile.TarInfo("train/link.png")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    write_tar(tmp_path / "test.tar", ["0.png"])
    (tmp_path / "data.tar").rename(tmp_path / "train.tar")
    with pytest.raises(DataError, match=r"link.png: "):
        read_images(tmp_path, "train")
