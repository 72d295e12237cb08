"""What the tests of every package lean on."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nflows_core.bijections import ActNorm, Bijection
from nflows_core.runtime.cli import CommandGroup
from nflows_core.testing import (
    call_command,
    check_magnitudes,
    check_second_derivatives,
    check_transforms,
    kill_at_call,
    one_thread,
)


def test_a_command_gets_its_arguments_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = CommandGroup("program")
    program.command("show")(click.argument("words", nargs=-1)(lambda words: click.echo(repr(words))))
    assert call_command(program, "show", tmp_path, 7) == 0
    assert capsys.readouterr().out == f"('{tmp_path}', '7')\n"


def test_a_process_dies_at_the_call_that_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    kill_at_call("os.mkdir", 2, "zipfile", "-e", archive(tmp_path), folder)
    assert folder.is_dir(), "the first call went through"
    assert not (folder / "a").exists()


def test_a_program_that_ends_before_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended before the call, with 0"):
        kill_at_call("os.mkdir", 100, "zipfile", "-l", archive(tmp_path))


def archive(folder: Path) -> Path:
    """A zip file with a/b/c.txt."""
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/b/c.txt", "c")
    return path


def test_one_thread_is_for_a_while_only() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


SHAPE = (1, 2, 2)


class Bent(Bijection):
    """The hyperbolic sine, scaled, by a function that a subclass tells."""

    def __init__(self) -> None:
        super().__init__(SHAPE)
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return self.bend(x * self.scale), (x.cosh() * self.scale).log().sum((1, 2, 3))

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return z.asinh() / self.scale

    def bend(self, x: Tensor) -> Tensor:
        return x.sinh()


class _OnceSinh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sinh()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * x.cosh()


class Once(Bent):
    """Its backward pass hides the images from autograd, and nothing says so."""

    def bend(self, x: Tensor) -> Tensor:
        return _OnceSinh.apply(x)  # type: ignore[no-any-return]


class SeesTheBatch(Bent):
    """Each image is bent by what the others are."""

    def bend(self, x: Tensor) -> Tensor:
        return (x + x.mean()).sinh()


def test_derivatives_of_autograd_pass() -> None:
    x = torch.randn(2, *SHAPE, dtype=torch.float64)
    for method in ("forward", "inverse"):
        check_second_derivatives(Bent(), x, method=method)
        check_transforms(Bent(), x, method=method)


def test_a_second_derivative_that_a_backward_pass_hides_is_found_and_named() -> None:
    with pytest.raises(AssertionError, match="the second derivative of forward, by x"):
        check_second_derivatives(Once(), torch.randn(2, *SHAPE, dtype=torch.float64))


def test_a_function_without_rules_for_transforms_is_found() -> None:
    with pytest.raises(RuntimeError, match="setup_context"):
        check_transforms(Once(), torch.randn(2, *SHAPE, dtype=torch.float64))


def test_images_that_see_each_other_are_found() -> None:
    with pytest.raises(AssertionError, match="vmap over images, by results"):
        check_transforms(SeesTheBatch(), torch.randn(2, *SHAPE, dtype=torch.float64))


def test_numbers_too_large_are_found_with_their_magnitude() -> None:
    with pytest.raises(AssertionError, match="forward at 100000: a result is not finite"):
        check_magnitudes(Bent())
    check_magnitudes(ActNorm(SHAPE))
