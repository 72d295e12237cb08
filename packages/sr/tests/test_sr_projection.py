"""The nearest picture whose reduction is a given one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nflows_sr.degradations import resize_bicubic
from nflows_sr.degradations.projection import REACH, project, project_within


def pair(seed: int, scale: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    shape = (2, 3, scale * height, scale * width)
    return torch.rand(shape, dtype=torch.float64), torch.rand(2, 3, height, width, dtype=torch.float64)


sizes = {
    "seed": st.integers(0, 99),
    "scale": st.integers(1, 4),
    "height": st.integers(1, 9),
    "width": st.integers(1, 9),
}


@settings(max_examples=30, deadline=None)
@given(**sizes)
def test_its_reduction_is_the_small_picture(seed: int, scale: int, height: int, width: int) -> None:
    large, small = pair(seed, scale, height, width)
    projected = project(large, small)
    torch.testing.assert_close(resize_bicubic(projected, (height, width)), small, rtol=0, atol=1e-9)
    torch.testing.assert_close(project(projected, small), projected, rtol=0, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(**sizes)
def test_it_is_the_nearest(seed: int, scale: int, height: int, width: int) -> None:
    """It moves at a right angle to all that leaves the reduction as it is."""
    large, small = pair(seed, scale, height, width)
    moved = project(large, small) - large
    other = torch.rand_like(large)
    along = project(other, small) - project(torch.rand_like(large), small)
    assert (moved * along).sum().abs() <= 1e-9 * moved.norm() * along.norm() + 1e-12


def test_it_comes_no_farther_from_an_original() -> None:
    original = torch.rand(1, 1, 24, 30, dtype=torch.float64)
    small = resize_bicubic(original, 1 / 2)
    guess = original + 0.3 * torch.randn_like(original)
    assert (project(guess, small) - original).norm() < 0.95 * (guess - original).norm()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_its_reach_is_far_enough_for_a_grey_level(scale: int) -> None:
    small = torch.zeros(1, 1, 1, 61, dtype=torch.float64)
    large = torch.zeros(1, 1, scale, 61 * scale, dtype=torch.float64)
    large[..., scale * 30] = 1.0
    moved = (project(large, small) - large)[0, 0, 0].abs()
    assert moved[: scale * (30 - REACH)].max() < 1e-3 * moved.max()
    assert moved[scale * (31 + REACH) :].max() < 1e-3 * moved.max()


def test_within_black_and_white_it_stays_there_and_comes_as_near_as_turns_do() -> None:
    original = (torch.rand(1, 1, 40, 40, dtype=torch.float64) > 0.5).double()  # all of it at the ends
    small = resize_bicubic(original, 1 / 2)
    guess = original + 0.2 * torch.randn_like(original)
    found = project_within(guess, small)
    assert 0 <= found.min() <= found.max() <= 1
    clipped_once = project(guess, small).clamp(0, 1)
    errors = [(resize_bicubic(one, 1 / 2) - small).norm() for one in (found, clipped_once)]
    assert errors[0] < 0.5 * errors[1]
    assert (found - original).norm() < (clipped_once - original).norm() < (guess - original).norm()
    inner = 0.25 + resize_bicubic(original, 1 / 2) / 4
    middle = torch.full_like(original, 0.4)
    torch.testing.assert_close(project_within(middle, inner), project(middle, inner))


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`large`: \(8, 6\) is no multiple of `small`, \(4, 4\)"):
        project(torch.zeros(1, 8, 6), torch.zeros(1, 4, 4))
