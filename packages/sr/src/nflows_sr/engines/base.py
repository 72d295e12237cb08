"""What an engine is: the one thing that everything which enlarges pictures has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from nflows_core.runtime.devices import find_device
from nflows_sr.diffusion.settings import Sampling


class Engine(Protocol):
    """What enlarges a tile of a picture, without gradients, the same way each time that it is called.

    Several threads may call it at once. What an engine draws at random it takes from the noise, which depends on the
    seed and on the place in the picture, so that tiles that overlap agree.
    """

    scale: int
    """How many times the sides grow."""
    margin: int
    """How far its receptive field reaches, in pixels of the small picture; of large networks, what measures as enough.
    """
    tile: int = 256
    """The side of a tile that needs about 1 GB, in pixels of the small picture, as measured."""
    noise: int = 0
    """How many channels of standard normal noise it takes behind those of the picture."""
    network: nn.Module | None = None
    """The network that computes a tile in one pass, if there is one: its parameters and operations are counted."""

    def __call__(self, tile: Tensor) -> Tensor:
        r"""The tile, enlarged.

        Arguments:
            tile: Pixels, :math:`(C, h, w)`, float32, on the CPU, in [0, 1]: one channel of grey, or three of RGB, coded
                as sRGB is; and then the channels of noise.

        Returns:
            :math:`(C, sh, sw)` for the scale s, without noise, on any device; it may leave [0, 1] a little.
        """


@runtime_checkable
class PictureEngine(Protocol):
    """What enlarges a whole picture: a diffusion, whose tiles work on one picture together in each of its steps.

    It cuts its tiles itself, and smaller ones where memory runs out. Several threads may call it at once.
    """

    scale: int
    """How many times the sides grow."""
    network: nn.Module
    """All its networks, whose parameters are counted."""

    def enlarge(self, picture: Tensor, seed: int) -> Tensor:
        r"""The picture, enlarged.

        Arguments:
            picture: Pixels as those of a tile of an `Engine`, without noise.
            seed: The seed of what it draws at random.

        Returns:
            :math:`(C, sh, sw)` for the scale s, on the CPU.
        """


@dataclass(frozen=True)
class EngineSettings:
    """Which engine, and how it computes: small, so that it travels to the workers of a cluster, and as reports have it.

    What only some engines know is nothing for all others.

    Arguments:
        model: The name of an engine, or the path of a model's file or folder.
        scale: How many times the sides grow; by default the model's own scale, or 2.
        device: The device, by torch's name for it, or ``auto``: the GPU of the machine that enlarges, if it has one.
        fp32: Whether a GPU computes in float32, rather than where float16 does in float16.
        sampling: How a diffusion makes the picture.
        temperature: The standard deviation of the noise of a flow; 0 if not given, which is one picture for all seeds.
    """

    model: str
    scale: int | None = None
    device: str = "auto"
    fp32: bool = False
    sampling: Sampling = field(default_factory=Sampling)
    temperature: float | None = None

    @property
    def place(self) -> torch.device:
        """The device of this machine.

        Raises:
            ValueError: It has no such device.
        """
        return find_device(self.device)

    @property
    def dtype(self) -> torch.dtype:
        """The type in which a network computes where it is safe: float16 on a GPU, unless float32 is asked for."""
        return torch.float32 if self.fp32 or self.place.type == "cpu" else torch.float16

    @property
    def autocast(self) -> torch.autocast:
        """The precision of a network; see ``dtype``."""
        return torch.autocast(self.place.type, torch.float16, enabled=self.dtype == torch.float16)


def enlarged_as_rgb(picture: Tensor, enlarge: Callable[[Tensor], Tensor]) -> Tensor:
    """A picture enlarged by what takes RGB alone: grey goes in as three equal channels, and their mean comes out."""
    enlarged = enlarge(picture.expand(3, -1, -1))
    return enlarged.mean(0, keepdim=True) if len(picture) == 1 else enlarged
