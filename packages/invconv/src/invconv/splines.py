r"""Monotone rational-quadratic splines with linear tails, one for each channel, in one pass over memory: the activation
between the inverse convolutions of an Inverse-Flow.

The spline through the knots :math:`(x_k, y_k)` with the derivatives :math:`d_k` is that of Gregory & Delbourgo (1982),
in Durkan et al. (2019) equation 4; outside of the knots it goes on with slope one: there a number is moved by
:math:`y_K - x_K` or :math:`y_0 - x_0`, and not at all where these are zero, however large it is. Images are
:math:`(B, C, H, W)`, knots :math:`(2, C, K + 1)` and increasing, derivatives :math:`(C, K + 1)` and positive. The
functions are compiled, so they take tensors that `is_compiled_for` accepts, and autograd does not see them: gradients
are functions of their own. No result depends on the number of threads.
"""

from __future__ import annotations

import torch
from torch import Tensor

from invconv import numpy_ops
from invconv.torch_internals import is_plain


def is_compiled_for(*tensors: Tensor) -> bool:
    """Whether the tensors are plain memory of the CPU, of float32 or float64 alike, and the extension is compiled."""
    dtype = tensors[0].dtype
    return (
        numpy_ops.has_solver()
        and dtype in (torch.float32, torch.float64)
        and all(tensor.is_cpu and tensor.dtype == dtype for tensor in tensors)
        and is_plain(*tensors)
    )


def spline(x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
    r"""The values at ``x``, and the sum of :math:`\log dy/dx` over each image, :math:`(B,)`."""
    y, logdet = _empty_like(x), x.new_empty(len(x))
    _call("spline", _rows(x), knots, derivatives, _rows(y), logdet)
    return y, logdet


def inverse_spline(y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
    """Where the values are ``y``."""
    x = _empty_like(y)
    _call("inverse_spline", _rows(y), knots, derivatives, _rows(x))
    return x


def spline_gradient(
    x: Tensor, knots: Tensor, derivatives: Tensor, grad_y: Tensor, grad_logdet: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of the arguments of `spline`, by those of its results."""
    grads = _empty_like(x), _empty_like(knots), _empty_like(derivatives)
    _call("spline_gradient", _rows(x), knots, derivatives, _rows(grad_y), grad_logdet, _rows(grads[0]), *grads[1:])
    return grads


def inverse_spline_gradient(
    x: Tensor, knots: Tensor, derivatives: Tensor, grad_x: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of the arguments of `inverse_spline`, by that of its result ``x``."""
    grads = _empty_like(x), _empty_like(knots), _empty_like(derivatives)
    _call("inverse_spline_gradient", _rows(x), knots, derivatives, _rows(grad_x), _rows(grads[0]), *grads[1:])
    return grads


def _call(function: str, *tensors: Tensor) -> None:
    arrays = (tensor.detach().contiguous().numpy() for tensor in tensors)
    numpy_ops.call_splines(function, *arrays, threads=torch.get_num_threads())


def _empty_like(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor, memory_format=torch.contiguous_format)


def _rows(images: Tensor) -> Tensor:
    return images.reshape(*images.shape[:2], images.shape[2:].numel())
