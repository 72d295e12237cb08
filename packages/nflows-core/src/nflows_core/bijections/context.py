r"""What layers make of a context: a vector for each image, or a map with a vector for each place of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from nflows_core.bijections.base import check_count


def is_context(context: Tensor | None, images: int, features: int) -> bool:
    """Whether it is a context of so many images: vectors, :math:`(B, D)`, or maps, :math:`(B, D, H', W')`."""
    if context is None or context.shape[:2] != (images, features):
        return False
    return context.ndim == 2 or (context.ndim == 4 and 0 not in context.shape[2:])


def wrong_context(context: Tensor | None, images: int, features: int) -> ValueError:
    """The error for a context that `is_context` finds to be none."""
    got = "none" if context is None else tuple(context.shape)
    maps = f"({images}, {features}, H, W)"
    return ValueError(
        f"this flow is conditioned on a context of shape {images, features}, or on maps, {maps}, got {got}"
    )


def as_map(context: Tensor) -> Tensor:
    """A context as a map; a vector is one of a single pixel."""
    return context[:, :, None, None] if context.ndim == 2 else context


class ContextLinear(nn.Linear):
    r"""A linear function of the context for each channel, at each pixel if the context is a map.

    .. math:: y_{ij} = W \, \bar c_{ij}

    with :math:`\bar c_{ij}` the mean of the map over the places that a pixel touches: :math:`f^2` places where the map
    is :math:`f` times as large as the image, the one place that the pixel lies in where it is :math:`f` times smaller.
    So a map that is everywhere the same is a vector.

    Arguments:
        context_features: Entries :math:`D` of a context at a place.
        channels: Channels out.
    """

    def __init__(self, context_features: int, channels: int) -> None:
        super().__init__(context_features, channels, bias=False)
        self.context_features = context_features

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:  # type: ignore[override]
        """Maps the context of the images ``x`` to :math:`(B, C', H, W)`, or to :math:`(B, C', 1, 1)` if vectors."""
        if context is None or not is_context(context, x.shape[0], self.in_features):
            raise wrong_context(context, x.shape[0], self.in_features)
        if context.ndim == 2:
            return super().forward(context)[:, :, None, None]
        return conv2d(resized(context, (x.shape[2], x.shape[3])), self.weight[:, :, None, None])


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps of another height and width, by the mean over what each pixel covers; see `ContextLinear`."""
    if maps.shape[2:] == size:
        return maps
    # The windows of "area" go from the floor to the ceiling of a pixel's ends: of one place when it enlarges by whole
    # factors, of f by f when it shrinks by them.
    return interpolate(maps, size=size, mode="area")


class ContextNetwork(nn.Module):
    r"""Learned features of a context: a convolution 3 x 3, and residual blocks, each of which sees twice as far.

    A map that is larger than the layers need is made smaller after the first convolution, so that what its features
    keep of small details, and not the map itself, is averaged. Beyond its edges a map goes on as it is there: features
    of a map that is everywhere the same are those of the vector. Networks of this kind feed every coupling of the flows
    of Ardizzone et al. (2019) and of SRFlow (Lugmayr et al. 2020).

    Arguments:
        context_features: Entries :math:`D` of a context at a place.
        width: Entries of a feature vector.
        depth: The number of residual blocks; the k-th has two convolutions whose taps are :math:`2^{k-1}` places apart.
        largest: The largest height and width that the features have; those of the map if not given.
    """

    def __init__(
        self, context_features: int, width: int, depth: int = 2, largest: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.context_features = check_count("context_features", context_features)
        self.width = check_count("width", width)
        self.largest = largest
        self.first = _edge_conv(context_features, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.ReLU(), _edge_conv(width, width, 2**k), nn.ReLU(), _edge_conv(width, width, 2**k))
            for k in range(check_count("depth", depth, 0))
        )

    def forward(self, context: Tensor) -> Tensor:
        """Maps vectors or maps to maps of features, :math:`(B, width, H', W')`."""
        y = torch.relu(self.first(as_map(context)))
        if self.largest is not None:
            y = resized(y, (min(self.largest[0], y.shape[2]), min(self.largest[1], y.shape[3])))
        for block in self.blocks:
            y = y + block(y)
        return torch.relu(y)


def _edge_conv(channels: int, out_channels: int, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, 3, padding=dilation, dilation=dilation, padding_mode="replicate")
