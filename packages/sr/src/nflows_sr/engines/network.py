"""An engine that is a network."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nflows_sr.engines.base import Engine, EngineSettings, enlarged_as_rgb


class NetworkEngine(Engine):
    r"""A network from :math:`(B, C, h, w)` to :math:`(B, C, sh, sw)`, for grey pictures and for those in colour.

    A network of three channels gets a grey picture as three equal ones, whose mean comes out; one of one channel
    enlarges the channels one by one.

    Arguments:
        network: The network, which becomes one that is not trained.
        scale: How many times the sides grow.
        margin: How far its receptive field reaches, in pixels of the small picture.
        channels: The channels of the network.
        settings: The device and the precision.
    """

    network: nn.Module

    def __init__(
        self, network: nn.Module, scale: int, margin: int, channels: Literal[1, 3], settings: EngineSettings
    ) -> None:
        self.scale, self.margin = scale, margin
        self.network = network.eval().requires_grad_(False).to(settings.place)
        self._channels, self._settings = channels, settings

    def __call__(self, tile: Tensor) -> Tensor:
        if self._channels == 1:
            return self._enlarged(tile[:, None])[:, 0]
        return enlarged_as_rgb(tile, lambda colours: self._enlarged(colours[None])[0])

    def _enlarged(self, batch: Tensor) -> Tensor:
        with torch.no_grad(), self._settings.autocast:
            enlarged: Tensor = self.network(batch.to(self._settings.place))
        return enlarged.float()
