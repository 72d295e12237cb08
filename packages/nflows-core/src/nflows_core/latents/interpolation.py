r"""Between two images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from nflows_core.flow import Flow
from nflows_core.latents.vectors import decode_vectors, encode_vectors


def slerp(start: Tensor, end: Tensor, weight: float) -> Tensor:
    r"""Spherical interpolation (Shoemake 1985, section 3.3) whose length goes linearly from one to the other.

    .. math:: z_t = r_t \left( \frac{\sin((1 - t) \Omega)}{\sin \Omega} \frac{a}{\|a\|}
        + \frac{\sin(t \Omega)}{\sin \Omega} \frac{b}{\|b\|} \right), \qquad r_t = (1 - t) \|a\| + t \|b\|

    with :math:`\Omega` the angle between :math:`a` and :math:`b`. Where it is zero or :math:`\pi`, which leaves no
    way or no one way between them, the interpolation is linear.

    Arguments:
        start: The vectors :math:`a`, :math:`(B, D)`.
        end: The vectors :math:`b`, :math:`(B, D)`.
        weight: The place :math:`t` between them; 0 gives ``start``, 1 gives ``end``.

    Returns:
        :math:`z_t`, :math:`(B, D)`.
    """
    first_length, second_length = start.norm(dim=1, keepdim=True), end.norm(dim=1, keepdim=True)
    a, b = normalize(start), normalize(end)
    # The arc cosine of the inner product loses half of the digits of a small angle.
    angle = 2 * torch.atan2((a - b).norm(dim=1, keepdim=True), (a + b).norm(dim=1, keepdim=True))
    straight = angle.sin().abs() <= torch.finfo(start.dtype).eps ** 0.5
    sine = torch.where(straight, torch.ones_like(angle), angle.sin())
    first = torch.where(straight, 1 - weight, ((1 - weight) * angle).sin() / sine)
    second = torch.where(straight, weight, (weight * angle).sin() / sine)
    return torch.lerp(first_length, second_length, weight) * (first * a + second * b)


@torch.no_grad()
def interpolate(
    flow: Flow,
    start: Tensor,
    end: Tensor,
    steps: int,
    context: Tensor | None = None,
    end_context: Tensor | None = None,
) -> Tensor:
    r"""Images between pairs of images, along the sphere on which the latents of images lie.

    A standard normal vector of :math:`D` entries has a length close to :math:`\sqrt{D}`, and two of them are nearly
    orthogonal: halfway on the straight line of Kingma & Dhariwal (2018, section 6) the length is
    :math:`\sqrt{D / 2}`, that of a sample at temperature 0.7, likelier than images are. `slerp` stays where they are.

    Arguments:
        flow: The flow that encodes and decodes.
        start: Images with values in :math:`[0, 1]`, :math:`(B, C, H, W)`.
        end: Their partners, of the same shape.
        steps: The number of images from ``start`` to ``end``, both included.
        context: The context of the pairs, vectors or maps, or nothing.
        end_context: The context of the ends where it is another one, of the shape of that of the starts: in between,
            the context goes straight from one to the other, from a class to another by way of their mixtures.

    Returns:
        :math:`(B, steps, C, H, W)`.

    Raises:
        ValueError: There are fewer than two steps, not as many ends as starts, or contexts that do not fit each other.
    """
    if steps < 2:
        raise ValueError(f"an interpolation has at least 2 steps, its ends, got {steps}")
    if start.shape != end.shape:
        raise ValueError(f"every image needs a partner: start has shape {tuple(start.shape)}, end {tuple(end.shape)}")
    contexts = _contexts(context, end_context, weights := torch.linspace(0, 1, steps).tolist())
    a, b = encode_vectors(flow, start, contexts[0]), encode_vectors(flow, end, contexts[-1])
    between = zip(weights, contexts, strict=True)
    return torch.stack([decode_vectors(flow, slerp(a, b, weight), one) for weight, one in between], dim=1)


def _contexts(start: Tensor | None, end: Tensor | None, weights: Sequence[float]) -> list[Tensor | None]:
    """The context at each weight."""
    if end is None:
        return [start for _ in weights]
    if start is None or start.shape != end.shape:
        shape = "nothing" if start is None else f"one of shape {tuple(start.shape)}"
        raise ValueError(f"context: the starts have {shape}, the ends {tuple(end.shape)}; give both alike")
    return [torch.lerp(start, end, weight) for weight in weights]
