r"""Splines by torch's operations alone: autograd follows them to any order, in either mode, and so does `torch.func`.

What they keep for that, some twenty tensors of the size of the images, is why training goes other ways; these are for
derivatives of derivatives, whoever computed the first.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from invconv.torch_internals import is_plain
from nflows_core.bijections.rational_quadratic import root, terms

X, PER_WIDTH, HEIGHT, A, B, Y = range(6)
"""The fields of a bin in the table of all bins."""


def table_of_bins(knots: Tensor, derivatives: Tensor) -> Tensor:
    """The fields of every bin, :math:`(6, C, K + 2)`; the first and the last are the tails, of size and slope one."""
    width, height = pad(knots.diff(), (1, 1), value=1.0)
    starts_x, starts_y = torch.cat([knots[:, :, :1], knots], 2)
    ends = pad(torch.stack([derivatives[:, :-1], derivatives[:, 1:]]), (1, 1), value=1.0)
    a, b = ends / (height / width)
    return torch.stack([starts_x, width.reciprocal(), height, a, b, starts_y])


def within(x: Tensor, starts: Tensor) -> Tensor:
    """The entries of :math:`(C, N)`, those in a tail taken to the nearest knot, and those not finite to NaN."""
    first, last = starts[:, :1].detach(), starts[:, -1:].detach()
    return x.clamp(first, last) + (x - x).detach()


def number_of_bin(x: Tensor, starts: Tensor) -> Tensor:
    """The number of the bin in which each entry of :math:`(C, N)` is, counted from the tail before all bins."""
    return (x[:, None] >= starts[:, 1:, None]).sum(1).short()


def pick(table: Tensor, bin_: Tensor) -> Tensor:
    """The fields at every entry, :math:`(6, C, N)`."""
    return table.gather(2, bin_.long().expand(len(table), *bin_.shape))


def rows(images: Tensor) -> Tensor:
    """One row a channel, :math:`(C, B H W)`."""
    return images.transpose(0, 1).reshape(images.shape[1], -1)


def images(rows: Tensor, like: Tensor) -> Tensor:
    """The opposite of `rows`."""
    return rows.view(like.shape[1], like.shape[0], *like.shape[2:]).transpose(0, 1)


def is_gradient_followed(*gradients: Tensor) -> bool:
    """Whether what is made of these gradients is followed: to be differentiated again, or by a transform or a mode."""
    return not torch.compiler.is_compiling() and (torch.is_grad_enabled() or not is_plain(*gradients))


def followed_spline(x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
    """`channel_spline` by its formula."""
    entries, table = rows(x), table_of_bins(knots, derivatives)
    at = within(entries, table[X])
    x0, per_width, height, a, b, y0 = pick(table, number_of_bin(entries, table[X]))
    t = terms((at - x0) * per_width, a, b)
    y = torch.where(at == entries, torch.addcmul(y0, height, t.r), entries + (y0 - x0))
    log_slope = (t.p * height * per_width / t.d / t.d).log()
    return images(y, x), images(log_slope, x).sum((1, 2, 3))


def followed_inverse_spline(y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
    """`inverse_channel_spline` by its formula."""
    entries, table = rows(y), table_of_bins(knots, derivatives)
    at = within(entries, table[Y])
    x0, per_width, height, a, b, y0 = pick(table, number_of_bin(entries, table[Y]))
    x = x0 + root((at - y0) / height, a, b) / per_width
    return images(torch.where(at == entries, x, entries + (x0 - y0)), y)


def followed_gradients(
    x: Tensor, knots: Tensor, derivatives: Tensor, grad_y: Tensor, grad_logdet: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of the arguments of `channel_spline` by those of its results, to be differentiated again."""
    pull_back = torch.func.vjp(followed_spline, x, knots, derivatives)[1]
    return pull_back((grad_y, grad_logdet))  # type: ignore[no-any-return]


def followed_inverse_gradients(
    x: Tensor, knots: Tensor, derivatives: Tensor, grad_x: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Those of `inverse_channel_spline` by that of its result ``x``.

    With :math:`x = f^{-1}(y; \theta)`, the gradient of y is that of x over dy/dx, and that of :math:`\theta` is what
    minus that of y gives through :math:`f(x; \theta)`.
    """
    pull_back = torch.func.vjp(lambda *arguments: followed_spline(*arguments)[0], x, knots, derivatives)[1]
    grad_y = grad_x / pull_back(torch.ones_like(grad_x))[0]
    return grad_y, *pull_back(-grad_y)[1:]
