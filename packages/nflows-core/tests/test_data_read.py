"""The demo set, the choice of the reader, and the real data sets."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from nflows_core.data import DataError, Images, read_images


@pytest.fixture(scope="module")
def digits() -> Images:
    train, test = read_images("digits", "train"), read_images("digits", "test")
    assert train.labels is not None
    assert test.labels is not None
    return Images(
        torch.cat([train.pixels, test.pixels]),
        train.quantization,
        torch.cat([train.labels, test.labels]),
        train.classes,
    )


def test_digits_are_those_of_the_repository(digits: Images) -> None:
    # The counts of the classes as the data set's own documentation gives them for its test part.
    assert digits.labels is not None
    assert digits.labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert digits.shape == (1, 8, 8)
    assert digits.quantization == 17
    assert digits.classes == tuple("0123456789")
    assert (digits.pixels.min(), digits.pixels.max()) == (0, 16)


def test_a_digit_that_is_known() -> None:
    # The first image of scikit-learn's documentation, a zero; index 0 is held out.
    image = read_images("digits", "test").pixels[0, 0]
    assert image[:2].tolist() == [[0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0]]


def test_digits_do_not_change() -> None:
    pixels = read_images("digits", "train").pixels.numpy()
    assert hashlib.sha256(pixels.tobytes()).hexdigest().startswith("ead7e72bfe96")


def test_a_folder_may_be_called_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "test"):
        (tmp_path / "digits" / split).mkdir(parents=True)
        Image.new("RGB", (3, 3)).save(tmp_path / "digits" / split / "0.png")
    assert read_images("./digits", "train").shape == (3, 3, 3)
    assert read_images("digits", "train").shape == (1, 8, 8)


def test_size_applies_to_every_reader() -> None:
    images = read_images("digits", "test", size=12)
    assert images.shape == (1, 12, 12)
    assert images.pixels.max() <= 16


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        read_images(tmp_path / "nowhere", "train")


def test_a_file_that_is_no_data_set(tmp_path: Path) -> None:
    Image.new("RGB", (3, 3)).save(tmp_path / "photo.png")
    with pytest.raises(DataError, match=r"photo.png: not a data set; give a folder"):
        read_images(tmp_path / "photo.png", "train")


def test_unknown_split() -> None:
    with pytest.raises(ValueError, match="'val'"):
        read_images("digits", "val")  # type: ignore[arg-type]


def test_impossible_size() -> None:
    with pytest.raises(ValueError, match="size must be positive, got 0"):
        read_images("digits", "train", size=0)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every folder")
def test_unreadable_folder(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(PermissionError):
        read_images(tmp_path, "train")


@pytest.mark.real_data
def test_mnist(data_folder: Path) -> None:
    train, test = read_images(data_folder / "mnist", "train"), read_images(data_folder / "mnist", "test")
    assert train.pixels.shape == (60_000, 1, 28, 28)
    assert test.pixels.shape == (10_000, 1, 28, 28)
    assert train.labels is not None
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    # The mean that everybody normalizes MNIST by.
    assert train.pixels.float().mean().item() / 255 == pytest.approx(0.1307, abs=5e-5)


@pytest.mark.real_data
def test_cifar_from_its_archive(data_folder: Path) -> None:
    images = read_images(data_folder / "cifar10-jpeg", "test")
    assert images.pixels.shape == (10_000, 3, 32, 32)
    assert images.labels is not None
    assert images.labels.bincount().tolist() == [1000] * 10
    assert images.classes[:3] == ("airplane", "automobile", "bird")


@pytest.mark.real_data
def test_photographs_of_many_sizes(data_folder: Path) -> None:
    photographs = data_folder / "sr" / "Set5" / "HR"
    with pytest.raises(DataError, match=r"bird.png is 288x288, but .*; give one size for all"):
        read_images(photographs, "train")
    assert read_images(photographs, "train", size=64).shape == (3, 64, 64)
