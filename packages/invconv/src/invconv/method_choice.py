"""How ``auto`` chooses among the methods, for torch tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from invconv import cuda_ops, impulse_ops, numpy_ops
from invconv.results import Choice

STABLE_GAIN = 100.0
"""The sup-norm gain of the inverse up to which ``auto`` trusts an FFT.

Up to it an FFT errs about as much as back substitution, and far beyond it in every digit: ``error`` in
``benchmarks/results/methods-*.json``, which ``benchmarks/bench_methods.py`` writes."""


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
    if y.is_cpu and numpy_ops.has_solver():
        return Choice("wavefront", "the compiled solver is the fastest on a CPU")
    if y.is_cuda and cuda_ops.has_solver():
        return Choice("wavefront", "the compiled solver works on this device")
    return Choice("fixed_point", f"there is no compiled solver for {y.device.type}")


def _impulse_is_faster(y: Tensor, weight: Tensor) -> bool:
    """Whether it is so on a CPU: never for kernels that flows use, only for those as wide as a blur.

    The times of both by shape and size are ``cost`` in ``benchmarks/results/methods-epyc-zen4-2-threads.json``, which
    ``benchmarks/bench_methods.py`` writes; the limits are where their ratio comes to one.
    """
    pixels, taps = y.shape[2] * y.shape[3], weight.shape[2] * weight.shape[3]
    # Before the number of images is looked at: a compiler would make a graph for one image, and one for more.
    if y.device.type != "cpu" or taps < 15**2:
        return False
    if y.shape[0] > 1:
        return bool(taps >= 31**2 and 64**2 <= pixels <= 128**2)
    return bool(
        (taps >= 15**2 and pixels >= 64**2) or (taps >= 21**2 and taps * weight.shape[1] >= 31**2 and pixels >= 32**2)
    )


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
