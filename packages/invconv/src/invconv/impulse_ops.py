r"""The method ``impulse``: :math:`x = G * y` by FFT, with the transformed impulse response kept for frozen kernels.

A kept response is used only for the very same tensor, unchanged: its identity, its version counter and its storage,
and on a CPU its values too, because an edit through ``weight.data`` leaves the version as it was.
"""

from __future__ import annotations

import threading
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from invconv import geometry, series
from invconv.anchor_ops import anchor_inverses
from invconv.torch_internals import version

MEMORY = 256 * 2**20
"""Bytes of transformed impulse responses that are kept at most."""

# Up to here products channel by channel beat a matrix product at each frequency: tried by hand, and no times were kept.
# `benchmarks/bench_methods.py` measures the method with any other value.
_FEW_CHANNELS = 16


class Response(NamedTuple):
    """An impulse response, transformed, and the largest sum of its absolute values over a channel."""

    spectrum: Tensor  # [G, n, n, frequencies in H, in W]
    gain: float


_Place = tuple[tuple[int, int], tuple[str, ...]]  # size of the images, corners


@dataclass
class _Kernel:
    """A frozen kernel as it was when it was met first, and the responses computed for it since."""

    weight: Tensor  # shares the memory, so that no other tensor can come to lie there
    version: int | None
    values: Tensor | None
    responses: dict[_Place, Response] = field(default_factory=dict)

    @classmethod
    def of(cls, weight: Tensor) -> _Kernel:
        values = weight.detach().clone() if weight.device.type == "cpu" else None
        return cls(weight.detach(), version(weight), values)

    def is_still(self, weight: Tensor) -> bool:
        same_memory = (
            self.version == version(weight)
            and self.weight.data_ptr() == weight.data_ptr()
            and self.weight.shape == weight.shape
            and self.weight.stride() == weight.stride()
            and self.weight.dtype == weight.dtype
            and self.weight.device == weight.device
        )
        return same_memory and (self.values is None or torch.equal(self.values, weight))


_kernels: MutableMapping[Tensor, _Kernel] = WeakIdKeyDictionary()  # in the order of their last use
_lock = threading.RLock()


def can_be_kept(weight: Tensor) -> bool:
    """Whether a response may be kept for this tensor: it is frozen, and a change of it can be noticed."""
    if type(weight) not in (Tensor, torch.nn.Parameter) or weight.dtype not in (torch.float32, torch.float64):
        return False
    if weight.requires_grad or weight.is_meta or weight.is_inference() or version(weight) is None:
        return False
    # A captured graph would read the kept memory for ever.
    return not (weight.is_cuda and torch.cuda.is_current_stream_capturing())


def was_used(weight: Tensor) -> bool:
    """Whether this frozen kernel was used before, unchanged; now it was."""
    with _lock:
        if _known(weight):
            return True
        _kernels[weight] = _Kernel.of(weight)
        return False


def response(weight: Tensor, size: tuple[int, int], corners: tuple[str, ...]) -> Response:
    """The kept response of a frozen kernel, or a new one."""
    if not can_be_kept(weight):
        return _transform(weight, size, corners)
    with _lock:
        kernel = _known(weight) or _Kernel.of(weight)
        if (size, corners) in kernel.responses:
            return kernel.responses[size, corners]
    transformed = _transform(weight if kernel.values is None else kernel.values, size, corners)
    _keep(weight, kernel, {(size, corners): transformed})
    return transformed


def solve(y: Tensor, weight: Tensor, corners: tuple[str, ...], x: Tensor, transposed: bool) -> None:
    """Writes the x with T x = y, or T^T x = y, into ``x``; the response of the transposed map is the adjoint."""
    size = y.shape[2], y.shape[3]
    if y.numel() == 0:
        anchor_inverses(weight, corners)  # for its errors
        return
    spectrum = response(weight, size, corners).spectrum
    if spectrum.is_cuda:
        spectrum.record_stream(torch.cuda.current_stream(spectrum.device))
    grid = _grid(size)
    transformed = torch.fft.rfft2(y.reshape(len(y), len(corners), -1, *size), s=grid)
    # A lazy conj() is lost where the dispatcher leaves its conjugate fallback out, as in compiled graphs.
    product = (
        _apply(spectrum.transpose(1, 2), transformed.conj_physical_()).conj_physical_()
        if transposed
        else _apply(spectrum, transformed)
    )
    solution = torch.fft.irfft2(product, s=grid)
    x.copy_(solution[..., : size[0], : size[1]].flatten(1, 2))


def spectrum_bytes(weight: Tensor, size: tuple[int, int]) -> int:
    """The memory that a kept response takes."""
    rows, columns = _grid(size)
    return weight.shape[0] * weight.shape[1] * rows * (columns // 2 + 1) * 2 * weight.element_size()


def _grid(size: tuple[int, int]) -> tuple[int, int]:
    """Room for every product of a pixel and a term, so that nothing wraps round into the image."""
    return series.fft_size(2 * size[0] - 1), series.fft_size(2 * size[1] - 1)


def _transform(weight: Tensor, size: tuple[int, int], corners: tuple[str, ...]) -> Response:
    with torch.no_grad():
        anchor_inverses(weight, corners)  # for its errors
        terms = series.inverse_series(series.taps(weight.double(), corners), size)
        grid = _grid(size)
        spectra = [torch.fft.rfft2(_place(group, corner, grid)) for group, corner in zip(terms, corners, strict=True)]
        spectrum = torch.stack(spectra).to(weight.dtype.to_complex())
        gain = terms.abs().sum((2, 3, 4)).max().item()  # waits for the device: any stream may read the spectrum now
    return Response(spectrum, gain)


def _place(terms: Tensor, corner: str, grid: tuple[int, int]) -> Tensor:
    """Terms on a periodic grid, term (i, j) as far from the origin as the pixel that it takes from is."""
    height, width = terms.shape[-2:]
    placed = torch.nn.functional.pad(terms, (0, grid[1] - width, 0, grid[0] - height))
    back = geometry.turned_axes(geometry.opposite(corner))
    return placed.flip(back).roll((1,) * len(back), back) if back else placed


def _apply(spectrum: Tensor, transformed: Tensor) -> Tensor:
    """One complex matrix a frequency and group, on [B, G, n, frequencies]."""
    n = spectrum.shape[1]
    if n > _FEW_CHANNELS:
        return torch.einsum("gcdij,bgdij->bgcij", spectrum, transformed)
    result = spectrum[:, :, 0] * transformed[:, :, :1]
    for d in range(1, n):
        result.addcmul_(spectrum[:, :, d], transformed[:, :, d : d + 1])
    return result


def _known(weight: Tensor) -> _Kernel | None:
    kernel: _Kernel | None = _kernels.pop(weight, None)
    if kernel is None or not kernel.is_still(weight):
        return None
    _kernels[weight] = kernel  # behind all others
    return kernel


def _keep(weight: Tensor, kernel: _Kernel, responses: dict[_Place, Response]) -> None:
    if any(response.spectrum.nbytes > MEMORY for response in responses.values()):
        return
    with _lock:
        kernel.responses.update(responses)
        _kernels[weight] = kernel
        for oldest in list(_kernels.values()):
            if kept_bytes() <= MEMORY:
                break
            oldest.responses.clear()


def kept_bytes() -> int:
    """The memory of all kept responses."""
    return sum(response.spectrum.nbytes for kernel in _kernels.values() for response in kernel.responses.values())
