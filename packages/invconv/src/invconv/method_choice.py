"""How ``auto`` chooses among the methods, for torch tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from invconv import cuda_ops, impulse_ops, numpy_ops
from invconv.results import Choice

STABLE_GAIN = 100.0
"""The sup-norm gain of the inverse up to which ``auto`` trusts an FFT.

In float32 its error was at most 2.7 times that of back substitution for gains up to this, 5 times up to 1e5, and 1e8
times beyond 1e16 (weights of standard deviation .001 to 3, 1 to 12 channels, 8 to 64 pixels, k = 3 and 5)."""


def choose_method(y: Tensor, weight: Tensor, corners: tuple[str, ...]) -> Choice:
    """What ``auto`` does with these arguments. Counts as a use of the kernel."""
    solver = _without_response(y)
    # Everything is faster than fixed_point.
    if solver.method == "wavefront" and not _impulse_is_faster(y, weight):
        return solver
    obstacle = _obstacle(y, weight, corners)
    if obstacle:
        return Choice(solver.method, f"{solver.reason}; not impulse, because {obstacle}")
    return Choice("impulse", "the kernel is frozen and stable, and its impulse response is kept")


def _without_response(y: Tensor) -> Choice:
    """The best method that needs nothing but the kernel."""
    if y.device.type == "cpu" and numpy_ops.has_solver():
        return Choice("wavefront", "the compiled solver is the fastest on a CPU")
    if y.is_cuda and cuda_ops.has_solver():
        return Choice("wavefront", "the compiled solver works on this device")
    return Choice("fixed_point", f"there is no compiled solver for {y.device.type}")


def _impulse_is_faster(y: Tensor, weight: Tensor) -> bool:
    """Whether it is so on a CPU: never for kernels that flows use, only for one image and a kernel as wide as a blur.

    Time of impulse over wavefront for 64 x 64 pixels, one thread of an EPYC (Zen 4), AVX-512:

    ====================  =====  =====  =====  =====  =====
    images x channels     k = 3  k = 7  11     21     31
    ====================  =====  =====  =====  =====  =====
    1 x 1                 2.7    2.4    .81    .19    .11
    1 x 3                 2.9    1.8    .87    .11    .09
    1 x 12                7.7    2.1    1.1    .33
    16 x 1                13     4.5    3.8    1.3    .93
    16 x 3                10     5.1    2.4    .7     .4
    ====================  =====  =====  =====  =====  =====
    """
    B, _, H, W = y.shape
    kh, kw = weight.shape[2:]
    return bool(y.device.type == "cpu" and B == 1 and kh * kw >= 21 * 21 and H * W >= 64 * 64)


def _obstacle(y: Tensor, weight: Tensor, corners: tuple[str, ...]) -> str | None:
    """Why the impulse response cannot be used, if so."""
    if torch.compiler.is_compiling() or not impulse_ops.can_be_kept(weight):
        return "the kernel is not frozen"
    size = y.shape[2], y.shape[3]
    if 0 in size or impulse_ops.spectrum_bytes(weight, size) > impulse_ops.MEMORY:
        return "no response of this size is kept"
    if not impulse_ops.was_used(weight):
        return "the response of a frozen kernel pays from its second use on"
    gain = impulse_ops.response(weight, size, corners).gain
    if not gain <= STABLE_GAIN:
        return f"the inverse amplifies {gain:.3g} times, which costs an FFT its precision"
    return None
