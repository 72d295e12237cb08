from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nflows_core.data import DataError, read_images
from nflows_core.data.split import split_indices

TRAIN = np.arange(12 * 3 * 4, dtype=np.uint8).reshape(12, 3, 4)
TEST = TRAIN[:5] + 7


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture(params=["", ".gz"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    write_idx(tmp_path / f"train-images-idx3-ubyte{request.param}", TRAIN)
    write_idx(tmp_path / f"train-labels-idx1-ubyte{request.param}", np.arange(12, dtype=np.uint8) % 4)
    write_idx(tmp_path / f"t10k-images-idx3-ubyte{request.param}", TEST)
    write_idx(tmp_path / f"t10k-labels-idx1-ubyte{request.param}", np.zeros(5, np.uint8))
    return tmp_path


def test_values_and_labels(folder: Path) -> None:
    train, test = read_images(folder, "train"), read_images(folder, "test")
    assert np.array_equal(train.pixels[:, 0].numpy(), TRAIN)
    assert np.array_equal(test.pixels[:, 0].numpy(), TEST)
    assert train.labels is not None
    assert train.labels.tolist() == [0, 1, 2, 3] * 3


def test_both_splits_have_the_classes_of_the_data_set(folder: Path) -> None:
    assert read_images(folder, "test").classes == read_images(folder, "train").classes == ("0", "1", "2", "3")


def test_images_without_labels(folder: Path) -> None:
    for labels in folder.glob("*labels*"):
        labels.unlink()
    images = read_images(folder, "train")
    assert images.labels is None
    assert images.classes == ()


def test_one_file_is_split_by_the_index(folder: Path) -> None:
    file = next(folder.glob("train-images*"))
    held_out = split_indices(12, "test")
    test = read_images(file, "test")
    assert np.array_equal(test.pixels[:, 0].numpy(), TRAIN[held_out])
    assert test.labels is not None
    assert test.labels.tolist() == [index % 4 for index in held_out]
    assert len(read_images(file, "train")) == 12 - len(held_out)


def test_dotted_names(tmp_path: Path) -> None:
    write_idx(tmp_path / "train-images.idx3-ubyte", TRAIN)
    write_idx(tmp_path / "train-labels.idx1-ubyte", np.ones(12, np.uint8))
    assert read_images(tmp_path, "train").classes == ("0", "1")


def test_compressed_and_unpacked_side_by_side(tmp_path: Path) -> None:
    for suffix in ("", ".gz"):
        write_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", TRAIN)
    assert len(read_images(tmp_path, "train")) == 12


def test_two_data_sets_in_one_folder(tmp_path: Path) -> None:
    for kind in ("digits", "letters"):
        write_idx(tmp_path / f"emnist-{kind}-train-images-idx3-ubyte", TRAIN)
    with pytest.raises(DataError, match=r"emnist-digits.*emnist-letters.*leave one"):
        read_images(tmp_path, "train")


def test_missing_split(tmp_path: Path) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", TRAIN)
    with pytest.raises(DataError, match="no t10k-images-idx3-ubyte file for the test split"):
        read_images(tmp_path, "test")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"])
@pytest.mark.parametrize("kept", [0, 1, 3, 9, 30, -1])
def test_truncated(tmp_path: Path, name: str, kept: int) -> None:
    write_idx(tmp_path / name, TRAIN)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:kept])
    with pytest.raises(DataError, match=f"{name}: .*(fetch the file again|right file)"):
        read_images(tmp_path, "train")


def test_trailing_bytes(tmp_path: Path) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", TRAIN)
    with (tmp_path / "train-images-idx3-ubyte").open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match="more than 160 bytes where 160 belong"):
        read_images(tmp_path, "train")


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    write_idx(path, np.random.default_rng(0).integers(0, 256, (40, 9, 9), np.uint8))
    content = bytearray(path.read_bytes())
    content[200:220] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(DataError, match="cut off or damaged"):
        read_images(tmp_path, "train")


def test_labels_in_place_of_images(folder: Path) -> None:
    labels = next(folder.glob("train-labels*"))
    labels.rename(next(folder.glob("train-images*")))
    with pytest.raises(DataError, match=r"begins with 00 00 08 01, but .* 3 dimensions begins with 00 00 08 03"):
        read_images(folder, "train")


def test_impossible_sizes_do_not_fill_the_memory(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3]) + b"\xff" * 12 + b"few")
    with pytest.raises(DataError, match="19 bytes where 79,228,"):
        read_images(tmp_path, "train")


def test_counts_of_images_and_labels(folder: Path) -> None:
    write_idx(next(folder.glob("train-labels*")), np.zeros(11, np.uint8))
    with pytest.raises(DataError, match="12 images, but 11 labels"):
        read_images(folder, "train")


def test_no_images(tmp_path: Path) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", TRAIN[:0])
    with pytest.raises(DataError, match="holds no images"):
        read_images(tmp_path, "train")
