"""One layer: its convolution, its exact inverse by every method, and the gradients of both, in the same run."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

import invconv
from invconv.bench import UsageError
from invconv.bench.timing import milliseconds

Row = dict[str, "int | float | str | list[int] | None"]


@dataclass(frozen=True)
class Layer:
    """Sizes of the images and of the kernel."""

    images: int
    channels: int
    height: int
    width: int
    kernel: tuple[int, int]

    def __str__(self) -> str:
        kh, kw = self.kernel
        kernel = f"{kh}" if kh == kw else f"{kh}x{kw}"
        return f"{self.images}x{self.channels}x{self.height}x{self.width}, k={kernel}"

    @property
    def numbers(self) -> int:
        return self.images * self.channels * self.height * self.width


# Images of the README's table; the first five are those that public implementations were measured on.
SHAPES = (
    (16, 3, 16, 16),
    (16, 12, 16, 16),
    (100, 3, 16, 16),
    (16, 12, 32, 32),
    (16, 48, 16, 16),
    (100, 12, 16, 16),
    (1, 12, 64, 64),
    (1, 48, 32, 32),
)


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Arguments:
        device: Where the layers are.
        dtype: The dtype of images and kernel.
        methods: Methods of `invconv.inverse_conv2d`; the first is called the inverse, the others stand beside it.
        seconds: For each cell of the table.
        memory: Bytes that the arrays of a cell may take; a cell that needs more is left out.
    """

    device: torch.device
    dtype: torch.dtype
    methods: tuple[str, ...]
    seconds: float
    memory: float


def applicable_methods(device: torch.device, dtype: torch.dtype) -> tuple[str, ...]:
    """The methods that solve such tensors here, the fastest first.

    Raises:
        UsageError: if there is none, with the reason of the last.
    """
    methods, reason = [], ""
    weight = torch.ones(1, 1, 1, 1, device=device, dtype=dtype)
    for method in invconv.METHODS:
        if method in ("auto", "dense"):  # auto is one of the others, dense is for tests
            continue
        try:
            invconv.inverse_conv2d(weight, weight, method=method)
            methods.append(method)
        except (ValueError, TypeError, RuntimeError) as error:
            reason = str(error)
    if not methods:
        raise UsageError(f"no method solves {dtype} on {device}: {reason}")
    return tuple(methods)


def measure(layer: Layer, settings: Settings) -> Row:
    """One row of the table; what does not fit into the memory is None."""
    conv, inverse = _forward(layer, settings)
    others = {f"{method}_ms": _other_method(layer, settings, method) for method in settings.methods[1:]}
    conv_gradients, gradients = _gradients(layer, settings)
    return {
        "layer": str(layer),
        "images": layer.images,
        "channels": layer.channels,
        "height": layer.height,
        "width": layer.width,
        "kernel": list(layer.kernel),
        "conv2d_ms": conv,
        "inverse_ms": inverse,
        "ratio": _quotient(inverse, conv),
        **others,
        "conv2d_gradients_ms": conv_gradients,
        "inverse_gradients_ms": gradients,
        "gradients_ratio": _quotient(gradients, conv_gradients),
    }


def _forward(layer: Layer, settings: Settings) -> tuple[float, float] | tuple[None, None]:
    if not _fits(5 * layer.numbers, settings):
        return None, None
    x, y, weight = _tensors(layer, settings)
    with torch.no_grad():
        conv, inverse = milliseconds(
            lambda: _conv2d(x, weight),
            lambda: invconv.inverse_conv2d(y, weight, method=settings.methods[0]),
            seconds=settings.seconds,
            device=settings.device,
        )
    return conv, inverse


def _other_method(layer: Layer, settings: Settings, method: str) -> float | None:
    # The impulse response is as large as the image for each pair of channels; its spectrum is four times that.
    pairs = layer.channels**2 * layer.height * layer.width
    if not _fits(10 * layer.numbers if method == "fixed_point" else 40 * (layer.numbers + pairs), settings):
        return None
    _, y, weight = _tensors(layer, settings)
    with torch.no_grad():
        return milliseconds(
            lambda: invconv.inverse_conv2d(y, weight, method=method), seconds=settings.seconds, device=settings.device
        )[0]


def _gradients(layer: Layer, settings: Settings) -> tuple[float, float] | tuple[None, None]:
    """Of images and kernel together."""
    if not _fits(12 * layer.numbers, settings):
        return None, None
    x, y, weight = (tensor.requires_grad_() for tensor in _tensors(layer, settings))
    conv = _conv2d(x, weight)
    inverse = invconv.inverse_conv2d(y, weight, method=settings.methods[0])
    g, h = torch.randn_like(conv), torch.randn_like(inverse)
    conv_ms, inverse_ms = milliseconds(
        lambda: torch.autograd.grad(conv, (x, weight), g, retain_graph=True),
        lambda: torch.autograd.grad(inverse, (y, weight), h, retain_graph=True),
        seconds=settings.seconds,
        device=settings.device,
    )
    return conv_ms, inverse_ms


def _tensors(layer: Layer, settings: Settings) -> tuple[Tensor, Tensor, Tensor]:
    """Images x, y = T x and a kernel so small that the inverse does not amplify, whatever the sizes."""
    torch.manual_seed(0)
    C, (kh, kw) = layer.channels, layer.kernel
    weight = torch.randn(C, C, kh, kw) * 0.9 / (C * kh * kw)
    weight[:, :, -1, -1] += torch.eye(C)
    x = torch.randn(layer.images, C, layer.height, layer.width)
    x, weight = (tensor.to(settings.device, settings.dtype) for tensor in (x, weight))
    return x, invconv.conv2d(x, weight), weight


def _conv2d(x: Tensor, weight: Tensor) -> Tensor:
    """The floor: as many multiplications as the inverse, or fewer where a side of the kernel is even."""
    kh, kw = weight.shape[2:]
    return F.conv2d(x, weight, padding=((kh - 1) // 2, (kw - 1) // 2))


def _fits(numbers: int, settings: Settings) -> bool:
    return numbers * settings.dtype.itemsize <= settings.memory


def _quotient(numerator: float | None, denominator: float | None) -> float | None:
    return None if numerator is None or denominator is None else numerator / denominator
