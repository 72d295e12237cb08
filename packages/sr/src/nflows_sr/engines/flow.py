r"""The flow for luma: one of the large pictures that a small one may be of, drawn by noise."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_sr import shipped
from nflows_sr.degradations.projection import REACH, project_within
from nflows_sr.engines.base import Engine, EngineSettings
from nflows_sr.engines.coupling import details_of_colours, luma_of
from nflows_sr.networks.flow import UpscalingFlow
from nflows_sr.networks.upscaler import bicubic
from nflows_sr.training.runs import is_run, load_model, read_run

NAME = "flow"


class FlowEngine(Engine):
    r"""Draws the luma, enlarges the colours, and makes both agree with the small picture, as `LumaEngine` does.

    .. math:: \widehat{RGB} = P\left(\mathrm{bicubic}(RGB) + \tfrac{255}{219} \, (\hat Y - \mathrm{bicubic}(Y))\right),
        \qquad \hat Y = Y(z), \quad z \sim N(0, \tau^2 I)

    P is `project_within`, channel by channel. Temperature :math:`\tau = 0` is one picture, the same for every seed; at
    1 pictures are as different from each other as the flow has learned that originals are.

    Arguments:
        flow: The flow, which becomes one that is not trained.
        settings: The device, the precision and the temperature.
    """

    network: UpscalingFlow
    tile = 384

    def __init__(self, flow: UpscalingFlow, settings: EngineSettings) -> None:
        self.scale, self.margin = flow.scale, flow.reach + REACH
        self.network = flow.eval().requires_grad_(False).to(settings.place)
        self._settings, self._temperature = settings, settings.temperature or 0.0
        self.noise = flow.noise_channels if self._temperature else 0

    def __call__(self, tile: Tensor) -> Tensor:
        colours = len(tile) - self.noise
        pixels = tile[None, :colours].to(self._settings.place)
        z = self._temperature * tile[None, colours:].to(pixels) if self.noise else None
        with torch.no_grad():
            with self._settings.autocast:
                details = self.network.details(luma_of(pixels), z)
            return project_within(bicubic(pixels, self.scale) + details_of_colours(details.float()), pixels)[0]


def load_shipped_flow(settings: EngineSettings) -> FlowEngine:
    """The flow that comes with the package, of scale 2 if none is asked for.

    Raises:
        CommandError: None comes of this scale; exit code 3.
    """
    scale = settings.scale or 2
    folder = shipped.find(NAME, scale)
    if not folder.exists():
        raise CommandError(
            f"no flow of scale {scale} comes with the package; train one by nflows sr train PICTURES -o "
            f"RUN --model flow --scale {scale}, and give its folder as --model",
            ExitCode.WEIGHTS,
        )
    return _load(folder, settings)


def is_flow_run(path: Path) -> bool:
    """Whether a folder is that of a training of such a flow."""
    return is_run(path, NAME)


def load_flow_run(settings: EngineSettings) -> FlowEngine:
    """The flow of a run folder.

    Raises:
        RunError: It cannot be built, or nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another model.
    """
    return _load(Path(settings.model), settings)


def _load(folder: Path, settings: EngineSettings) -> FlowEngine:
    flow = load_model(folder, read_run(folder))
    assert isinstance(flow, UpscalingFlow)  # its recipe builds no other
    return FlowEngine(flow, settings)
