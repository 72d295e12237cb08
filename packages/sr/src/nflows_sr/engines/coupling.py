r"""The small networks for luma: those that come with the package, and those of a run folder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nflows_sr import shipped
from nflows_sr.degradations.projection import REACH, project_within
from nflows_sr.engines.base import Engine, EngineSettings
from nflows_sr.metrics.luma import BLACK, WEIGHTS
from nflows_sr.networks.flow import UpscalingFlow
from nflows_sr.networks.upscaler import SCALES, Upscaler, bicubic
from nflows_sr.training.runs import is_run, load_model, read_run

_SHIPPED = "coupling"
_RECIPES = ("coupling", "residual")
_RANGE = sum(WEIGHTS)  # 219 levels, from black to white


class LumaEngine(Engine):
    r"""Enlarges the luma by a network, and the colours by bicubic interpolation, which the eye does not tell apart.

    .. math:: \widehat{RGB} = P\left(\mathrm{bicubic}(RGB) + \tfrac{255}{219} \, (\hat Y - \mathrm{bicubic}(Y))\right)

    A change of the luma Y at the same Cb and Cr changes R, G and B alike, so there is no way through YCbCr and back.
    P is `project_within`, channel by channel: made smaller again, the result is the picture that was given, to 53 dB
    and better for photographs. It takes a tenth of the time, and is some .03 dB nearer to photographs.

    Arguments:
        network: The network, which becomes one that is not trained.
        settings: The device and the precision.
    """

    network: Upscaler | UpscalingFlow
    tile = 512

    def __init__(self, network: Upscaler | UpscalingFlow, settings: EngineSettings) -> None:
        self.scale, self.margin = network.scale, network.reach + REACH
        self.network = network.eval().requires_grad_(False).to(settings.place)
        self._settings = settings

    def __call__(self, tile: Tensor) -> Tensor:
        pixels, noise = tile.to(self._settings.place)[None].tensor_split([len(tile) - self.noise], 1)
        with torch.no_grad():
            with self._settings.autocast:
                details = self._details(luma_of(pixels), noise)
            return project_within(bicubic(pixels, self.scale) + details_of_colours(details.float()), pixels)[0]

    def _details(self, luma: Tensor, noise: Tensor) -> Tensor:
        """What the luma is besides its bicubic enlargement."""
        return self.network.details(luma)


def load_shipped(settings: EngineSettings) -> LumaEngine:
    """The network that comes with the package, of scale 2 if none is asked for.

    Raises:
        ValueError: There is none of the scale.
    """
    scale = settings.scale or SCALES[0]
    if scale not in SCALES:
        raise ValueError(f"`scale` {scale}: {_SHIPPED} enlarges 2, 3 or 4 times")
    return _load(shipped.find(_SHIPPED, scale), settings)


def is_luma_run(path: Path) -> bool:
    """Whether a folder is that of a training of such a network."""
    return is_run(path, *_RECIPES)


def load_run(settings: EngineSettings) -> LumaEngine:
    """The network of a run folder.

    Raises:
        RunError: Its model cannot be built, or nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another model.
    """
    return _load(Path(settings.model), settings)


def _load(folder: Path, settings: EngineSettings) -> LumaEngine:
    network = load_model(folder, read_run(folder))
    assert isinstance(network, Upscaler)  # the recipes that `is_luma_run` knows build no other
    return LumaEngine(network, settings)


def luma_of(pixels: Tensor) -> Tensor:
    """The luma of pictures in [0, 1], :math:`(B, 1, h, w)`, from 16 / 255 to 235 / 255; grey is RGB of equal parts."""
    if pixels.shape[1] == 1:
        return (BLACK + _RANGE * pixels) / 255
    weights = pixels.new_tensor(WEIGHTS).view(1, 3, 1, 1)
    return (BLACK + (pixels * weights).sum(1, keepdim=True)) / 255


def details_of_colours(details: Tensor) -> Tensor:
    """What R, G and B change by where the luma changes by so much, at the same Cb and Cr."""
    return details * (255 / _RANGE)
