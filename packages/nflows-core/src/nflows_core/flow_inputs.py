"""What a flow refuses: inputs of which it would compute a number that means nothing.

Types, shapes and contexts are looked at in every pass. Values are looked at by the functions that a person calls, not
in the forward pass of a training: a GPU has to be waited for to know them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from invconv.torch_internals import is_plain
from nflows_core.bijections import Bijection, Logit
from nflows_core.bijections.base import Shape, leaf_bijections
from nflows_core.bijections.context import is_context, wrong_context

Range = tuple[float, float]
"""The least and the largest value of an image."""


def check_images(images: object, shape: Shape, dtype: torch.dtype) -> None:
    """Raises an error unless they are a batch of floats of a flow's shape and type."""
    batch = _batch(images, shape)
    if not batch.is_floating_point():
        raise TypeError(
            f"images: expected {dtype} with values in [0, 1], got {batch.dtype}; bits_per_dim takes integers, and "
            "nflows_core.dequantize makes images of them"
        )
    if batch.dtype != dtype and not _is_autocast(batch.device):
        raise TypeError(f"images: the flow is of {dtype}, these are of {batch.dtype}; convert one of them, by .to(...)")


def check_pixels(pixels: object, shape: Shape, quantization: int) -> None:
    """Raises an error unless they are a batch of integers in :math:`[0, n)` of a flow's shape."""
    batch = _batch(pixels, shape)
    if batch.is_floating_point() or batch.is_complex() or batch.dtype == torch.bool:
        raise TypeError(
            f"pixels: expected integers from 0 to {quantization - 1}, got {batch.dtype}; log_prob takes floats"
        )
    low, high = _range(batch)
    if not 0 <= low <= high < quantization:
        raise ValueError(
            f"pixels: the flow is of images with {quantization} values a pixel, from 0 to {quantization - 1}, "
            f"these have {low} to {high}"
        )


def check_values(images: Tensor, domain: Range, quantization: int) -> None:
    """Raises a ValueError if an image has a value without a latent."""
    low, high = _range(images)
    if math.isnan(low):
        raise ValueError("images: a value is not a number")
    least, largest = with_rounding(domain, images.dtype)
    if not least <= low <= high <= largest:
        raise ValueError(
            f"images: expected values in [0, 1], got {low:.6g} to {high:.6g}; divide pixels by {quantization}, or give "
            "them to bits_per_dim as integers"
        )


def with_rounding(domain: Range, dtype: torch.dtype) -> Range:
    """A domain with what samples that lie on its ends are rounded to."""
    rounding = 4 * torch.finfo(dtype).eps
    return domain[0] - rounding, domain[1] + rounding


def check_context(context: object, features: int, images: int, dtype: torch.dtype) -> None:
    """Raises an error for a context that a flow does not take; for one that is missing, the layers that need it do."""
    if context is None:
        return
    context = context_tensor(context, features, dtype)
    if not is_context(context, images, features):
        raise wrong_context(context, images, features)
    if context.dtype != dtype and not _is_autocast(context.device):
        raise TypeError(f"context: the flow is of {dtype}, this is of {context.dtype}; convert it by .to(...)")


def context_tensor(context: object, features: int, dtype: torch.dtype) -> Tensor:
    """The context, whatever its shape; an error if it is no tensor of floats, or the flow takes none."""
    if not features:
        raise ValueError(
            "this flow takes no context: build it with context_features=D, or leave the context out; a bijection of "
            "your own that takes one has an attribute context_features"
        )
    if not isinstance(context, Tensor) or not context.is_floating_point():
        got = context.dtype if isinstance(context, Tensor) else type(context).__name__
        raise TypeError(
            f"context: expected a tensor of {dtype}, got {got}; labels become one by torch.nn.functional.one_hot"
        )
    return context


def check_latents(latents: object, shapes: Sequence[Shape]) -> None:
    """Raises an error unless they are what a flow's `encode` gives."""
    if not isinstance(latents, list | tuple):
        raise TypeError(f"latents: expected a list of tensors, as encode gives it, got {type(latents).__name__}")
    if len(latents) != len(shapes):
        raise ValueError(f"this flow has {len(shapes)} latents an image, got {len(latents)}")
    if odd := [type(latent).__name__ for latent in latents if not isinstance(latent, Tensor)]:
        raise TypeError(f"latents: expected torch tensors, got {odd[0]}; torch.from_numpy makes one of an array")
    expected = [(latents[0].shape[0], *shape) for shape in shapes]
    if (got := [tuple(latent.shape) for latent in latents]) != expected:
        raise ValueError(f"latents: expected tensors of shapes {expected}, got {got}")


def domain_of(first: Bijection) -> Range:
    """The values that images may have, by the bijection that sees them first."""
    first = next(leaf for _, leaf in leaf_bijections(first))
    if not isinstance(first, Logit):
        return -math.inf, math.inf
    margin = first.alpha / (1 - 2 * first.alpha)
    return -margin, 1 + margin


def _batch(images: object, shape: Shape) -> Tensor:
    if not isinstance(images, Tensor):
        raise TypeError(
            f"expected a torch tensor of images, got {type(images).__name__}; torch.from_numpy makes one of an array"
        )
    if images.ndim != 4 or images.shape[1:] != shape:
        single = "; one image x is the batch x[None]" if images.shape == shape else ""
        raise ValueError(
            f"expected a batch of images of shape (B, {shape[0]}, {shape[1]}, {shape[2]}), got {tuple(images.shape)}"
            f"{single}"
        )
    return images


def _range(images: Tensor) -> Range:
    """The least and the largest value; nothing in particular where there is none, or somebody traces what is done."""
    if not images.numel() or not is_plain(images) or _is_captured(images):
        return 0, 0
    low, high = torch.stack(images.detach().aminmax()).tolist()
    return low, high


def _is_captured(images: Tensor) -> bool:
    return images.is_cuda and torch.cuda.is_current_stream_capturing()


def _is_autocast(device: torch.device) -> bool:
    return torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type)
