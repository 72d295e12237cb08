from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from nflows_core.data import DataError, read_images
from nflows_core.data.split import split_indices

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 5, 6, 3), np.uint8)
HELD_OUT = split_indices(30, "test")


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NHW", "NHW1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_layouts(tmp_path: Path, layout: str, order: str) -> None:
    expected = PIXELS.transpose(0, 3, 1, 2) if "C" in layout else PIXELS[:, None, :, :, 0]
    array = {"NHWC": PIXELS, "NCHW": expected, "NHW": PIXELS[..., 0], "NHW1": PIXELS[..., :1]}[layout]
    np.save(tmp_path / "x.npy", np.asarray(array, order=order))  # type: ignore[call-overload]
    assert np.array_equal(read_images(tmp_path / "x.npy", "test").pixels.numpy(), expected[HELD_OUT])
    assert len(read_images(tmp_path / "x.npy", "train")) == 30 - len(HELD_OUT)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_that_were_integers_come_back(tmp_path: Path, dtype: object) -> None:
    np.save(tmp_path / "x.npy", (PIXELS / 255).astype(dtype))  # type: ignore[call-overload]
    images = read_images(tmp_path / "x.npy", "test")
    assert np.array_equal(images.pixels.permute(0, 2, 3, 1).numpy(), PIXELS[HELD_OUT])


def test_one_array_for_each_split(tmp_path: Path) -> None:
    np.save(tmp_path / "train.npy", PIXELS[:20])
    np.save(tmp_path / "test.npy", PIXELS[20:])
    assert len(read_images(tmp_path, "train")) == 20
    assert np.array_equal(read_images(tmp_path, "test").pixels[:, 0].numpy(), PIXELS[20:, :, :, 0])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (PIXELS.astype(np.int64), "the pixels are int64; save them as uint8"),
        (PIXELS > 100, "the pixels are bool"),
        (PIXELS.astype(np.complex64), "the pixels are complex64"),
        (PIXELS[0, 0], r"shape \(6, 3\); images are"),
        (PIXELS[None], "shape .*; images are"),
        (PIXELS[:0], "not empty"),
        (PIXELS[..., :2], "does not show which axis"),
        (PIXELS[:, :3], "does not show which axis"),
    ],
)
def test_unfit_arrays(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=f"x.npy: .*{message}"):
        read_images(tmp_path / "x.npy", "train")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.01, 1.01, 255.0])
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_first_bad_image_is_named(tmp_path: Path, value: float, split: str) -> None:
    array = PIXELS / 255
    array[[11, 12], 2, 3] = value
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=f"x.npy: image 11 has the pixel {value}"):
        read_images(tmp_path / "x.npy", split)  # type: ignore[arg-type]


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path(tmp_path / "sprung").write_text, ("",))

    np.save(tmp_path / "objects.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Trap()))
    for name in ("objects.npy", "pickle.npy"):
        with pytest.raises(DataError, match=f"{name}: not a plain array .*never loaded"):
            read_images(tmp_path / name, "train")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("kept", [0, 4, 40, 1000, -1])
def test_truncated(tmp_path: Path, kept: int) -> None:
    np.save(tmp_path / "x.npy", PIXELS)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:kept])
    with pytest.raises(DataError, match=r"x.npy: not a plain array"):
        read_images(tmp_path / "x.npy", "train")


def test_archive_of_arrays(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        np.savez(file, pixels=PIXELS)
    with pytest.raises(DataError, match="an archive of arrays"):
        read_images(tmp_path / "x.npy", "train")


def test_none_held_out(tmp_path: Path) -> None:
    count = int(split_indices(100, "train")[0])
    np.save(tmp_path / "x.npy", PIXELS[: count or 1])
    with pytest.raises(DataError, match="no image of 1 falls into the train split"):
        read_images(tmp_path / "x.npy", "train")
