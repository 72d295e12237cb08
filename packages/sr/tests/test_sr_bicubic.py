from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nflows_sr.degradations import imresize, resize_bicubic

sizes = st.integers(1, 40)


def keys(t: float) -> float:
    """Keys' cubic, a = -1/2."""
    t = abs(t)
    if t <= 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def resized_row(row: list[float], target: int) -> list[float]:
    """One row, sample by sample, by the formula: the mirror is walked, the weights divided by their sum."""
    n, factor = len(row), target / len(row)
    narrow = min(factor, 1.0)
    result = []
    for j in range(target):
        centre = (j + 0.5) / factor - 0.5
        reach = range(int(centre - 2 / narrow) - 2, int(centre + 2 / narrow) + 3)
        weights = {i: keys(narrow * (centre - i)) for i in reach}
        mirrored = {i: row[i % (2 * n)] if i % (2 * n) < n else row[2 * n - 1 - i % (2 * n)] for i in reach}
        result.append(sum(weights[i] * mirrored[i] for i in reach) / sum(weights.values()))
    return result


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), sizes)
def test_a_row_is_what_the_formula_says(row: list[float], target: int) -> None:
    x = torch.tensor([row], dtype=torch.float64)
    torch.testing.assert_close(resize_bicubic(x, (1, target))[0].tolist(), resized_row(row, target))


@settings(deadline=None)
@given(sizes, sizes, sizes, sizes, st.integers(0, 2**16 - 1))
def test_a_constant_stays_what_it_is(height: int, width: int, rows: int, columns: int, value: int) -> None:
    pixels = np.full((height, width, 2), value, np.uint16)
    assert (imresize(pixels, (rows, columns)) == value).all()


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(2, 8))
def test_a_factor_gives_the_size_rounded_up(height: int, width: int, scale: int) -> None:
    small = imresize(np.zeros((height, width, 1), np.uint8), 1 / scale)
    assert small.shape == (-(-height // scale), -(-width // scale), 1)


@pytest.mark.parametrize("factor", [1 / 2, 1 / 4, 2.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_are_rounded_between_the_dimensions(factor: float, dtype: type[np.uint8] | type[np.uint16]) -> None:
    """With weights that binary numbers hold exactly, so that every half is one."""
    most = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, most + 1, (48, 72, 3)).astype(dtype)
    rows, columns = (int(factor * n) for n in pixels.shape[:2])
    x = torch.from_numpy(pixels.astype(np.float64)).permute(2, 0, 1)
    between = (resize_bicubic(x, (rows, 72)) + 0.5).floor().clamp(0, most)
    after = (resize_bicubic(between, (rows, columns)) + 0.5).floor().clamp(0, most)
    assert np.array_equal(imresize(pixels, factor), after.permute(1, 2, 0).numpy().astype(dtype))


def test_halves_are_rounded_up() -> None:
    assert imresize(np.array([[[0]], [[1]]], np.uint8), (1, 1)).item() == 1


def test_what_overshoots_is_clipped() -> None:
    edge = np.repeat(np.array([[[0]], [[255]]], np.uint8), 4, axis=0)
    enlarged = imresize(edge, (16, 1)).ravel()
    assert (enlarged.min(), enlarged.max()) == (0, 255)
    assert (np.diff(enlarged.astype(int)) >= 0).all()


def test_the_smaller_factor_is_done_first() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 40, 1), np.uint8)
    columns_first = imresize(imresize(pixels, (40, 10)), (20, 10))
    assert np.array_equal(imresize(pixels, (20, 10)), columns_first)


def test_transposing_a_picture_transposes_the_tensor() -> None:
    x = torch.rand(2, 3, 21, 34, dtype=torch.float64)
    torch.testing.assert_close(resize_bicubic(x.mT, (17, 9)), resize_bicubic(x, (9, 17)).mT)


@pytest.mark.parametrize("to", [1 / 2, 2.0, (5, 9)])
def test_gradient_is_that_of_the_differences(to: float | tuple[int, int]) -> None:
    x = torch.rand(1, 2, 7, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: resize_bicubic(y, to), x)


def test_mixed_precision_changes_nothing() -> None:
    x = torch.rand(1, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = resize_bicubic(x, 1 / 2)
    assert torch.equal(mixed, resize_bicubic(x, 1 / 2))


def test_a_straight_line_is_kept_inside() -> None:
    """Keys' kernel reproduces what is of first degree, away from the mirrored border."""
    ramp = torch.arange(64, dtype=torch.float64).expand(64, 64)
    small = resize_bicubic(ramp, 1 / 4)
    torch.testing.assert_close(small[8, 3:-3], torch.arange(16, dtype=torch.float64)[3:-3] * 4 + 1.5)


@pytest.mark.parametrize(
    ("pixels", "to", "message"),
    [
        (np.zeros((4, 4), np.uint8), 0.5, r"`pixels`: expected \(H, W, C\)"),
        (np.zeros((4, 4, 3), np.float32), 0.5, r"got float32 \(4, 4, 3\)"),
        (np.zeros((4, 4, 3), np.uint8), 0.0, r"`to`: 0.0 is no factor"),
        (np.zeros((4, 4, 3), np.uint8), (0, 3), r"`to`: \(0, 3\) is no factor or size for a picture of 4 x 4"),
        (np.zeros((0, 4, 3), np.uint8), (2, 2), r"picture of 0 x 4"),
    ],
)
def test_what_cannot_be_resized_is_refused(pixels: np.ndarray, to: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        imresize(pixels, to)


def test_integer_tensors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"of floating type, got torch\.uint8"):
        resize_bicubic(torch.zeros(4, 4, dtype=torch.uint8), 0.5)


@pytest.mark.real_data
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_set5_is_what_matlab_made_of_it(data_folder: Path, scale: int) -> None:
    for path in sorted((data_folder / "sr" / "Set5" / "HR").iterdir()):
        large = np.array(Image.open(path).convert("RGB"))
        rows, columns = large.shape[0] // scale * scale, large.shape[1] // scale * scale
        shipped = Image.open(data_folder / "sr" / "Set5" / "LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png")
        assert np.array_equal(imresize(large[:rows, :columns], 1 / scale), np.array(shipped.convert("RGB")))
