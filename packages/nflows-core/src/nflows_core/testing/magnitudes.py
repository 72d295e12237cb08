"""What a bijection must do with the smallest and the largest numbers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.testing import assert_close

from nflows_core.bijections import Bijection

MAGNITUDES = tuple(10.0**power for power in range(-30, 31, 5))
"""The magnitudes of values that every bijection is to take, 1e-30 to 1e30."""


def check_magnitudes(bijection: Bijection, context: Tensor | None = None) -> None:
    """Both directions, for random images and latents of each of `MAGNITUDES` and for zeros, in the bijection's dtype.

    Results, log-determinants and gradients must be finite, and what goes there and back must come back to ten thousand
    roundings of its largest entry, or of one where all entries are smaller, if the bijection is exact.

    Arguments:
        bijection: A bijection of all real numbers.
        context: The context of the images, vectors or maps, or nothing.

    Raises:
        AssertionError: It names the direction and the magnitude.
    """
    count = 2 if context is None else len(context)
    like = next(bijection.parameters(), torch.zeros(()))

    def forward(x: Tensor) -> Tensor:
        z, logdet = bijection(x, context)
        return torch.cat([z.flatten(), logdet])

    def inverse(z: Tensor) -> Tensor:
        return bijection.inverse(z, context).flatten()

    for magnitude in (0.0, *MAGNITUDES):
        x, z = (
            magnitude * torch.randn(count, *shape, dtype=like.dtype, device=like.device)
            for shape in (bijection.shape, bijection.output_shape)
        )
        _check_finite(f"forward at {magnitude:g}", forward, bijection, x)
        _check_finite(f"inverse at {magnitude:g}", inverse, bijection, z)
        if bijection.is_exact:
            _check_same(f"forward and back at {magnitude:g}", bijection.inverse(bijection(x, context)[0], context), x)
            _check_same(f"inverse and back at {magnitude:g}", bijection(bijection.inverse(z, context), context)[0], z)


def _check_finite(what: str, function: Callable[[Tensor], Tensor], bijection: Bijection, images: Tensor) -> None:
    inputs = {"images": images.requires_grad_(), **dict(bijection.named_parameters())}
    results = function(images)
    assert results.isfinite().all(), f"{what}: a result is not finite"
    gradients = torch.autograd.grad(results.sum(), list(inputs.values()), allow_unused=True, materialize_grads=True)
    for name, gradient in zip(inputs, gradients, strict=True):
        assert gradient.isfinite().all(), f"{what}: the gradient of {name} is not finite"


def _check_same(what: str, back: Tensor, images: Tensor) -> None:
    error = 1e4 * torch.finfo(images.dtype).eps * max(1.0, images.abs().max().item())
    assert_close(back, images, rtol=0, atol=error, msg=lambda text: f"{what}: {text}")
