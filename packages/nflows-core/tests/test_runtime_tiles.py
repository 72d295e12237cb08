from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nflows_core.runtime.images import Picture, PictureFile, write_picture
from nflows_core.runtime.tiles import Function, Tiling

SCALES = [Fraction(1), Fraction(2), Fraction(3), Fraction(1, 2), Fraction(1, 4)]
MEMORY_ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:116] data. DefaultCPUAllocator: not enough memory: you tried"),
    RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB, other allocations: 3.00 GB)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


def network(scale: Fraction, radius: int, seed: int) -> Function:
    """Convolutions from 2 to 3 channels, whose receptive field reaches over `radius` pixels of the picture."""
    generator = torch.Generator().manual_seed(seed)
    up, down = scale.numerator, scale.denominator
    layers = [torch.randn(2, 2, 3, 3, generator=generator) / 4 for _ in range(radius)]
    last = torch.randn(3 * up * up, 2, down, down, generator=generator)

    def function(tile: Tensor) -> Tensor:
        x = tile.float()
        for layer in layers:
            x = torch.tanh(F.conv2d(x, layer, padding=1)) + 0.5
        return F.pixel_shuffle(F.conv2d(x, last, stride=down), up)

    return function


def brightness_of_tile(tile: Tensor) -> Tensor:
    """A function that no margin suits: the same for all of a tile."""
    return tile.float().mean().expand(1, *tile.shape[1:])


class Memory:
    """A function that runs out of memory for tiles above a side, or in one call."""

    def __init__(
        self, function: Function, side: int = 10**6, call: int = -1, error: Exception = MEMORY_ERRORS[0]
    ) -> None:
        self.function, self.side, self.call, self.error = function, side, call, error
        self.sides: list[int] = []

    def __call__(self, tile: Tensor) -> Tensor:
        self.sides.append(max(tile.shape[1:]))
        if self.sides[-1] > self.side or len(self.sides) == self.call:
            raise self.error
        return self.function(tile)


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(2, height, width, generator=torch.Generator().manual_seed(seed))


@st.composite
def cases(draw: Callable[..., Any], halves: int = 1) -> tuple[Tensor, Function, Tiling]:
    """A picture, a network, and tiles with margins that suit its receptive field."""
    scale, radius, seed = draw(st.sampled_from(SCALES)), draw(st.integers(0, 2)), draw(st.integers(0, 99))
    unit = scale.denominator
    margin = -(-radius // unit) * unit
    overlap = 2 * margin + unit * draw(st.integers(0, 4))
    side = halves * (overlap + unit * draw(st.integers(1, 6)))
    height, width = (unit * draw(st.integers(1, 40 // unit)) for _ in "HW")
    return picture(height, width, seed), network(scale, radius, seed), Tiling(side, overlap, scale, margin)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_tiles_with_the_margin_of_the_receptive_field_give_what_the_whole_picture_gives(
    case: tuple[Tensor, Function, Tiling],
) -> None:
    image, function, tiling = case
    torch.testing.assert_close(tiling.whole(function, image), function(image), rtol=1e-4, atol=1e-5)


@given(cases(halves=2), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_running_out_of_memory_in_any_call_does_not_change_the_result(
    case: tuple[Tensor, Function, Tiling], call: int
) -> None:
    image, function, tiling = case
    assume(max(image.shape[1:]) >= tiling.side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = tiling.whole(Memory(function, call=call), image)
    torch.testing.assert_close(result, function(image), rtol=1e-4, atol=1e-5)


def test_an_encoder_to_an_eighth() -> None:
    image, function = picture(96, 120), network(Fraction(1, 8), 3, 0)
    result = Tiling(32, 16, Fraction(1, 8), 8).whole(function, image)
    assert result.shape == (3, 12, 15)
    torch.testing.assert_close(result, function(image), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float16, torch.float64])
def test_a_tile_is_of_the_type_of_the_picture_and_the_result_float32(dtype: torch.dtype) -> None:
    image = torch.arange(2 * 30 * 40).view(2, 30, 40).remainder(251).to(dtype)
    seen = set()

    def function(tile: Tensor) -> Tensor:
        seen.add(tile.dtype)
        return tile

    result = Tiling(12, 5).whole(function, image)
    assert seen == {dtype}
    torch.testing.assert_close(result, image.float())


@pytest.mark.parametrize(("side", "overlap", "margin"), [(9, 0, 0), (9, 8, 0), (9, 8, 4), (16, 3, 1)])
def test_a_constant_stays_one(side: int, overlap: int, margin: int) -> None:
    result = Tiling(side, overlap, margin=margin).whole(lambda tile: tile, torch.full((1, 41, 29), 200.0))
    torch.testing.assert_close(result, torch.full((1, 41, 29), 200.0), rtol=1e-6, atol=0)


def test_tiles_that_disagree_leave_no_seam() -> None:
    image = (picture(64, 80) > 0).float() + torch.arange(80) / 10
    result = Tiling(32, 16).whole(brightness_of_tile, image)
    hard = Tiling(32, 0).whole(brightness_of_tile, image)
    # Of a logistic curve whose exponent goes from -9/2 to 9/2 over the overlap, where it is steepest.
    steepest = 9 / 4 / 16
    assert result.diff(dim=2).abs().max() < 1.2 * steepest * hard.diff(dim=2).abs().max()
    assert hard.diff(dim=2).abs().max() > 2


def test_a_picture_that_is_no_larger_than_a_tile_is_one_call() -> None:
    image, calls = picture(20, 31), []
    result = Tiling(31, 4, margin=2).whole(lambda tile: calls.append(tile.shape) or tile, image)  # type: ignore[func-returns-value]
    assert calls == [(2, 20, 31)]
    assert result.equal(image)


@pytest.mark.parametrize(("height", "width", "tile"), [(50, 67, (16, 16)), (10, 67, (10, 16)), (67, 9, (16, 9))])
def test_all_tiles_have_one_size(height: int, width: int, tile: tuple[int, int]) -> None:
    seen = set()
    Tiling(16, 5).whole(lambda part: seen.add(tuple(part.shape[1:])) or part, picture(height, width))  # type: ignore[func-returns-value]
    assert seen == {tile}


def test_strips_are_the_result_from_top_to_bottom() -> None:
    image, function, tiling = picture(50, 30), network(Fraction(2), 1, 0), Tiling(16, 4, 2, 2)
    strips = list(tiling.strips(function, image))
    assert [strip.shape[1] for strip in strips] == [24, 24, 20, 32]
    assert torch.cat(strips, 1).equal(tiling.whole(function, image))


def test_the_result_has_no_gradient_and_the_caller_keeps_its_mode() -> None:
    image = picture(20, 20).requires_grad_()
    strips = Tiling(12, 4).strips(lambda tile: tile * 2, image)
    assert not next(strips).requires_grad
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("error", MEMORY_ERRORS)
def test_out_of_memory_halves_the_side_for_good(error: Exception) -> None:
    image, function = picture(60, 40), network(Fraction(1), 1, 0)
    memory, tiling = Memory(function, side=9, error=error), Tiling(32, 3, margin=1)
    with pytest.warns(RuntimeWarning, match="out of memory") as said:
        result = tiling.whole(memory, image)
    assert [str(warning.message) for warning in said] == [
        "out of memory with tiles of 32: going on with 16",
        "out of memory with tiles of 16: going on with 8",
    ]
    assert memory.sides[:2] == [32, 16]
    assert set(memory.sides[2:]) == {8}
    torch.testing.assert_close(result, function(image), rtol=1e-4, atol=1e-5)
    assert tiling.side == 8
    assert tiling.whole(memory, image).equal(Tiling(8, 3, margin=1).whole(function, image))


def test_open_rows_beyond_a_halved_tile_leave_no_seam() -> None:
    # The last row of tiles is moved inwards by 30, and smaller ones take its place: all say 1, and the first one 0.
    values = iter([0.0] + [1.0] * 9)
    memory = Memory(lambda tile: torch.full_like(tile, next(values)), call=2)
    with pytest.warns(RuntimeWarning, match="going on with 16"):
        result = Tiling(32, 8).whole(memory, picture(34, 10))
    assert result[:, 0].max() == 0
    assert result[:, -1].min() == 1
    assert result.diff(dim=1).abs().max() < 0.3


def test_the_allocator_of_torch_runs_out_of_memory() -> None:
    tiling = Tiling(32, 4)

    def function(tile: Tensor) -> Tensor:
        return torch.empty(2**60, dtype=torch.uint8) if tile.shape[1] > 16 else tile

    with pytest.warns(RuntimeWarning, match="going on with 16"):
        assert tiling.whole(function, torch.ones(1, 40, 40)).equal(torch.ones(1, 40, 40))


def test_a_picture_smaller_than_a_tile_is_halved_too() -> None:
    memory = Memory(lambda tile: tile, side=30)
    with pytest.warns(RuntimeWarning, match="out of memory with tiles of 48: going on with 24"):
        Tiling(512, 8).whole(memory, picture(40, 48))
    assert memory.sides[0] == 48


def test_what_the_failed_call_held_is_freed_before_the_next_one() -> None:
    held: list[weakref.ref[Tensor]] = []

    def function(tile: Tensor) -> Tensor:
        assert all(reference() is None for reference in held)
        activations = tile * 2
        if tile.shape[1] > 16:
            held.append(weakref.ref(activations))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return activations

    with pytest.warns(RuntimeWarning):
        Tiling(32, 4).whole(function, picture(40, 40))
    assert len(held) == 1


def test_no_memory_for_the_smallest_tile() -> None:
    tiling = Tiling(40, 12)
    with (
        pytest.warns(RuntimeWarning, match="going on with 20"),
        pytest.raises(MemoryError, match="row 0 with tiles of 20, and an overlap of 12 allows") as raised,
    ):
        tiling.whole(Memory(lambda tile: tile, side=1), picture(50, 50))
    assert "Tried to allocate" in str(raised.value.__cause__)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes do not match"):
        Tiling(16, 4).whole(Memory(lambda tile: tile, 1, error=RuntimeError("shapes do not match")), picture(40, 40))


class LivingTensors(TorchDispatchMode):
    """The most bytes that tensors made in this mode held at one time."""

    def __init__(self, *others: Tensor) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known = {tensor.untyped_storage().data_ptr() for tensor in others}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and (storage := result.untyped_storage()).data_ptr() not in self.known:
            self.known.add(storage.data_ptr())
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self.freed, storage.data_ptr(), storage.nbytes())
        return result

    def freed(self, pointer: int, size: int) -> None:
        self.known.discard(pointer)
        self.now -= size


def most_memory(height: int, width: int, side: int) -> int:
    """Of a picture's strips, of which the caller keeps one."""
    image = torch.zeros(1, height, width)
    with LivingTensors(image) as living:
        for strip in Tiling(side, 8).strips(lambda tile: tile * 2, image):
            assert strip.max() == 0
        del strip
    assert living.now == 0
    return living.most


def test_memory_is_that_of_a_few_rows_of_tiles() -> None:
    row = 4 * 32 * 300
    most = most_memory(600, 300, 32)
    assert 2 * row < most < 3.5 * row
    assert most_memory(1800, 300, 32) == most


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((16, 16), "tiles of 16 cannot overlap by 16"),
        ((32, 7, 1, 4), "overlap 7 is less than two margins of 4: make it 8"),
        ((32, 8, 0), "scale 0"),
        ((32, 8, 1, -1), "margin -1"),
        ((32, 12, Fraction(1, 8)), "the overlap, 12, is no multiple of 8"),
    ],
)
def test_tiles_that_make_no_sense(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tiling(*arguments)


def test_pictures_and_functions_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"a picture of \(30, 40\): give one of \(C, H, W\)"):
        Tiling(16, 4).strips(lambda tile: tile, torch.zeros(30, 40))
    with pytest.raises(ValueError, match="none of them zero"):
        Tiling(16, 4).strips(lambda tile: tile, torch.zeros(3, 0, 40))
    with pytest.raises(ValueError, match="the width, 30, is no multiple of 8"):
        Tiling(16, 8, Fraction(1, 8)).strips(lambda tile: tile, torch.zeros(3, 32, 30))
    with pytest.raises(ValueError, match=r"made \(3, 16, 16\) of a tile of \(3, 16, 16\): scale 2 needs \(C, 32, 32\)"):
        Tiling(16, 8, 2).whole(lambda tile: tile, torch.zeros(3, 40, 40))


def test_what_a_function_does_to_its_tile_stays_there() -> None:
    image = picture(40, 30)
    before = image.clone()
    changed = Tiling(16, 8).whole(lambda tile: tile.mul_(2), image)
    assert image.equal(before)
    torch.testing.assert_close(changed, 2 * before)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_values_that_are_not_finite_are_refused_with_their_place(value: float) -> None:
    calls = iter(range(100))

    def function(tile: Tensor) -> Tensor:
        return torch.where(torch.eye(16) * (next(calls) == 4) > 0, value, tile)  # 4: the second of the second row

    with pytest.raises(FloatingPointError, match=r"not finite of the tile at row 8, column 8, of 16 x 16 pixels$"):
        Tiling(16, 8).whole(function, picture(40, 32))


def test_a_picture_that_is_not_finite_itself() -> None:
    image = picture(40, 40)
    image[0, 20, 3] = torch.nan
    with pytest.raises(FloatingPointError, match="row 8, column 0, of 16 x 16 pixels, which holds such values itself"):
        Tiling(16, 8).whole(lambda tile: tile, image)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda tile: None, r"made a NoneType of a tile of \(2, 16, 16\): it must return a tensor of real numbers"),
        (lambda tile: tile.numpy(), "made a ndarray of a tile"),
        (lambda tile: (tile, tile), "made a tuple of a tile"),
        (lambda tile: tile.to(torch.complex64), "it must return a tensor of real numbers"),
        (lambda tile: tile[None], r"made \(1, 2, 16, 16\) .*; for a network of batches, give lambda tile: network\("),
    ],
)
def test_results_that_are_no_tile(function: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tiling(16, 8).whole(function, picture(40, 40))


def test_all_tiles_have_as_many_channels() -> None:
    counts = iter([2, 2, 2, 2, 1])
    with pytest.raises(ValueError, match=r"made 1 channels of a tile of .*: it made 2 of the first tile"):
        Tiling(16, 8).whole(lambda tile: tile[: next(counts)], picture(40, 32))


def test_a_batch_is_no_picture() -> None:
    with pytest.raises(ValueError, match=r"a picture of \(1, 3, 40, 40\): .*; give each picture of a batch by itself"):
        Tiling(16, 8).whole(lambda tile: tile, torch.zeros(1, 3, 40, 40))


def test_sides_are_whole_and_scales_exact() -> None:
    with pytest.raises(TypeError, match=r"side 16\.0: give a whole number of pixels"):
        Tiling(16.0, 8)  # type: ignore[arg-type]
    assert Tiling(16, 8, 0.5).scale == Fraction(1, 2)
    with pytest.raises(ValueError, match=r"scale 1\.1 is no exact fraction: give Fraction\(11, 10\)"):
        Tiling(16, 8, 1.1)


class Rows:
    """A picture that is read row by row, and knows how many were asked for at a time."""

    def __init__(self, image: Tensor) -> None:
        self.pixels = image.permute(1, 2, 0).numpy()
        self.most = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width, channels = self.pixels.shape
        return height, width, channels

    def rows(self, top: int, bottom: int) -> Any:
        self.most = max(self.most, bottom - top)
        assert 0 <= top < bottom <= len(self.pixels)
        return self.pixels[top:bottom].copy()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32])
def test_rows_that_are_read_when_needed_give_the_same(dtype: torch.dtype) -> None:
    image = (100 * picture(70, 40)).abs().to(dtype)
    function, tiling, rows = network(Fraction(2), 1, 0), Tiling(16, 4, 2, 2), Rows(image)
    assert tiling.whole(function, rows).equal(tiling.whole(function, image))
    assert rows.most == 16


def test_a_file_of_a_picture_is_rows(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 2**16, (50, 40, 2), np.uint16)
    write_picture(tmp_path / "a.png", Picture(pixels))
    function, tiling = network(Fraction(1), 1, 0), Tiling(16, 4, 1, 2)
    with PictureFile(tmp_path / "a.png") as file:
        result = tiling.whole(function, file)
    assert result.equal(tiling.whole(function, torch.from_numpy(pixels).permute(2, 0, 1)))
