"""What a person may say about the reading of a data set, and all of a data set at once."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nflows_core.data import DataError, Images, read_images
from nflows_core.data.images import keep_bits
from nflows_core.data.split import held_out


def save(path: Path, shade: int = 7, size: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (size, size), shade).save(path)


def pack(folder: Path, target: Path) -> Path:
    with tarfile.open(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.add(path, f"top/{path.relative_to(folder)}")
    return target


# Other files


@pytest.mark.parametrize("other", ["README.md", "labels.csv", "cat/notes", "annotations/0.xml"])
def test_other_files_are_skipped_on_request(tmp_path: Path, other: str) -> None:
    folder = tmp_path / "data"
    for kind in ("cat", "dog"):
        for index in range(20):
            save(folder / kind / f"{index}.png")
    expected = read_images(folder, "train")
    (folder / other).parent.mkdir(exist_ok=True)
    (folder / other).write_text("words")
    for data in (folder, pack(folder, tmp_path / "data.tar")):
        with pytest.raises(DataError, match=r"remove it, or skip all files that are not pictures by `skip_others`"):
            read_images(data, "train")
        images = read_images(data, "train", skip_others=True)
        assert (images.names, images.classes) == (expected.names, ("cat", "dog"))


def test_a_damaged_picture_is_never_skipped(tmp_path: Path) -> None:
    for index in range(20):
        save(tmp_path / f"{index}.png")
    name = next(name for name in (f"bad{n}.png" for n in range(99)) if not held_out(name))
    (tmp_path / name).write_text("words")
    with pytest.raises(DataError, match=f"{name}: not a picture.*; repair or remove it$"):
        read_images(tmp_path, "train", skip_others=True)


# Bits


@given(bits=st.integers(1, 8), pixel=st.integers(0, 255))
def test_the_upper_bits_are_kept(bits: int, pixel: int) -> None:
    images = keep_bits(Images(torch.full((1, 1, 2, 2), pixel, dtype=torch.uint8)), bits)
    assert images.quantization == 2**bits
    assert images.pixels.unique().item() == pixel * 2**bits // 256


def test_five_bits_are_32_values_after_scaling(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / split / "0.png")
    images = read_images(tmp_path, "train", size=8, bits=5)
    assert images.quantization == 32
    assert torch.equal(images.pixels, read_images(tmp_path, "train", size=8).pixels // 8)


def test_bits_that_make_no_sense() -> None:
    for bits in (0, 9):
        with pytest.raises(ValueError, match=f"bits must be from 1 to 8, got {bits}"):
            read_images("digits", "train", bits=bits)
    with pytest.raises(DataError, match="have 17 values a pixel, and not 8 bits; leave `bits` out"):
        read_images("digits", "train", bits=3)


def test_splits_are_of_pictures_in_folders() -> None:
    with pytest.raises(DataError, match="digits: is no set of pictures in folders; leave `splits` out"):
        read_images("digits", "train", splits="none")


def test_a_single_pixel_is_no_size() -> None:
    with pytest.raises(ValueError, match="size must be at least 2"):
        read_images("digits", "train", size=1)


# All of a data set


def test_all_images_are_those_of_both_splits(tmp_path: Path) -> None:
    for split in ("training", "testing"):
        for kind in ("cat", "dog"):
            save(tmp_path / "data" / split / kind / "0.png")
    for data in (tmp_path / "data", pack(tmp_path / "data", tmp_path / "data.tar")):
        images = read_images(data, None)
        assert sorted(images.names) == [f"{s}/{kind}/0.png" for s in ("testing", "training") for kind in ("cat", "dog")]
        assert images.labels is not None
        assert [images.classes[i] for i in images.labels] == [name.split("/")[1] for name in images.names]


def test_all_images_of_arrays_and_the_demo_set(tmp_path: Path) -> None:
    pixels = np.arange(5 * 16, dtype=np.uint8).reshape(5, 4, 4)
    for name, part in (("train", pixels[:3]), ("test", pixels[3:])):
        np.save(tmp_path / f"{name}.npy", part)
    assert np.array_equal(read_images(tmp_path, None).pixels[:, 0], pixels)
    assert len(read_images("digits", None)) == 1797


def test_all_images_of_two_idx_files(data_folder: Path) -> None:
    images = read_images(data_folder / "mnist", None)
    parts = [read_images(data_folder / "mnist", split) for split in ("train", "test")]  # type: ignore[arg-type]
    assert torch.equal(images.pixels, torch.cat([part.pixels for part in parts]))


def test_a_device_is_no_data_set() -> None:
    with pytest.raises(DataError, match="/dev/null: a device or a pipe"):
        read_images("/dev/null", "train")
