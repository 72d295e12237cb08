from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch

from nflows_core.data import DataError, Images
from nflows_core.data.resize import fit_square, resize


@pytest.fixture
def images() -> Images:
    pixels = torch.arange(6 * 2 * 3 * 4, dtype=torch.uint8).reshape(6, 2, 3, 4)
    return Images(pixels, labels=torch.tensor([0, 1, 2, 0, 1, 2]), classes=("a", "b", "c"), names=tuple("uvwxyz"))


def test_shape_and_length(images: Images) -> None:
    assert images.shape == (2, 3, 4)
    assert len(images) == 6


@pytest.mark.parametrize(
    "indices", [slice(1, 4, 2), [1, 3], (1, 3), torch.tensor([1, 3]), torch.tensor([0, 1, 0, 1, 0, 0]).bool()]
)
def test_subset_takes_pixels_with_their_labels_and_names(
    images: Images, indices: slice | list[int] | torch.Tensor
) -> None:
    subset = images[indices]
    assert torch.equal(subset.pixels, images.pixels[[1, 3]])
    assert subset.labels is not None
    assert subset.labels.tolist() == [1, 0]
    assert subset.names == ("v", "x")
    assert (subset.classes, subset.quantization) == (images.classes, images.quantization)


def test_empty_subset(images: Images) -> None:
    assert len(images[[]]) == 0
    assert images[[]].shape == images.shape


@pytest.mark.parametrize("index", [3, "ab", [0.5]])
def test_one_index_is_refused(images: Images, index: object) -> None:
    with pytest.raises(TypeError, match="slice or a list"):
        images[index]  # type: ignore[index]


def test_frozen(images: Images) -> None:
    with pytest.raises(FrozenInstanceError):
        images.quantization = 17  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pixels": torch.zeros(2, 1, 3, 3)}, "uint8 of shape"),
        ({"pixels": torch.zeros(2, 3, 3, dtype=torch.uint8)}, r"\(2, 3, 3\); grey images x are x\[:, None\]"),
        (
            {"pixels": torch.zeros(2, 8, 8, 3, dtype=torch.uint8)},
            r"their channels last; give x.transpose\(0, 3, 1, 2\)",
        ),
        ({"pixels": torch.zeros(2, 1, 0, 3, dtype=torch.uint8)}, "at least one channel, row and column"),
        ({"pixels": np.zeros((2, 1, 3, 3))}, "uint8 of shape .*, got torch.float64 of shape"),
        ({"pixels": np.zeros((2, 1, 3, 3), np.int64)}, "got torch.int64"),
        ({"pixels": np.zeros((2, 3, 3), np.uint8)}, r"got torch.uint8 of shape \(2, 3, 3\); grey"),
        ({"pixels": np.full((2, 1, 3, 3), "a")}, "pixels must be numbers, got an array of <U1"),
        ({"pixels": [[0]]}, "pixels must be a tensor or an array of uint8, got list"),
        ({"pixels": "digits"}, "pixels must be a tensor or an array of uint8, got str"),
        ({"quantization": 1}, "quantization must be an integer, at least 2, got 1"),
        ({"quantization": 2.5}, "quantization must be an integer, at least 2, got 2.5"),
        ({"labels": np.zeros(2), "classes": ("a",)}, "labels must be int64"),
        ({"pixels": torch.full((2, 1, 3, 3), 17, dtype=torch.uint8), "quantization": 17}, "a pixel is 17"),
        ({"labels": torch.zeros(1, dtype=torch.int64), "classes": ("a",)}, r"shape \(2,\)"),
        ({"labels": torch.zeros(2, dtype=torch.int32), "classes": ("a",)}, "int32"),
        ({"labels": torch.tensor([0, 1]), "classes": ("a",)}, "from 0 to 1, but there are 1 classes"),
        ({"labels": torch.tensor([-1, 0]), "classes": ("a",)}, "from -1"),
        ({"names": ("a.png",)}, "2 images have 1 names"),
    ],
)
def test_inconsistent_images_are_refused(arguments: dict[str, object], message: str) -> None:
    arguments = {"pixels": torch.zeros(2, 1, 3, 3, dtype=torch.uint8), **arguments}
    with pytest.raises(DataError, match=message):
        Images(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, ">i2"])
def test_arrays_are_images_too(dtype: str) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (4, 6, 5, 3), np.uint8).transpose(0, 3, 1, 2)[::-1]
    labels, vectors = np.array([0, 1, 1, 0]).astype(dtype), rng.normal(size=(4, 2)).astype(">f8")
    images = Images(pixels, labels=labels, classes=("a", "b"), vectors=vectors)
    assert images.shape == (3, 6, 5)
    assert torch.equal(images.pixels, torch.tensor(pixels.copy()))
    assert images.labels is not None
    assert (images.labels.dtype, images.labels.tolist()) == (torch.int64, [0, 1, 1, 0])
    assert images.context is not None
    np.testing.assert_allclose(images.context.numpy(), vectors, rtol=1e-6)
    assert images[1:3].pixels.shape == (2, 3, 6, 5)


def test_an_array_that_is_read_only_is_copied() -> None:
    pixels = np.zeros((1, 1, 2, 2), np.uint8)
    shared = Images(pixels)
    pixels.flags.writeable = False
    copied = Images(pixels)
    copied.pixels.fill_(7)
    assert pixels.max() == 0
    shared.pixels.fill_(7)
    assert pixels.min() == 7


def test_fit_square_keeps_the_centre() -> None:
    pixels = torch.zeros(1, 1, 4, 8, dtype=torch.uint8)
    pixels[..., 2:6] = 200
    assert torch.equal(fit_square(pixels, 4), torch.full((1, 1, 4, 4), 200, dtype=torch.uint8))


@pytest.mark.parametrize("size", [1, 3, 7, 10, 23])
def test_fit_square_keeps_constant_images(size: int) -> None:
    pixels = torch.full((2, 3, 7, 10), 131, dtype=torch.uint8)
    assert torch.equal(fit_square(pixels, size), torch.full((2, 3, size, size), 131, dtype=torch.uint8))


def test_fit_square_averages_when_it_shrinks() -> None:
    pixels = torch.randint(0, 256, (1, 1, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert fit_square(pixels, 1).item() == pytest.approx(pixels.float().mean().item(), abs=12)


def test_resize_stays_below_the_quantization() -> None:
    pixels = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    pixels[..., 4:] = 16
    resized = resize(Images(pixels, quantization=17), 20)
    assert resized.shape == (1, 20, 20)
    assert resized.pixels.max() == 16
