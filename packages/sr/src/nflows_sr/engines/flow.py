r"""The flow for luma: one of the large pictures that a small one may be of, drawn by noise."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_sr import shipped
from nflows_sr.engines.base import EngineSettings
from nflows_sr.engines.coupling import LumaEngine
from nflows_sr.networks.flow import UpscalingFlow
from nflows_sr.training.runs import is_run, load_model, read_run

NAME = "flow"


class FlowEngine(LumaEngine):
    r"""Draws the luma, :math:`\hat Y = Y(z), \; z \sim N(0, \tau^2 I)`; all else is as in `LumaEngine`.

    Temperature :math:`\tau = 0` is one picture, the same for every seed; at 1 pictures are as different from each other
    as the flow has learned that originals are.

    Arguments:
        flow: The flow, which becomes one that is not trained.
        settings: The device, the precision and the temperature.
    """

    network: UpscalingFlow
    tile = 384

    def __init__(self, flow: UpscalingFlow, settings: EngineSettings) -> None:
        super().__init__(flow, settings)
        self._temperature = settings.temperature or 0.0
        self.noise = flow.noise_channels if self._temperature else 0

    def _details(self, luma: Tensor, noise: Tensor) -> Tensor:
        return self.network.details(luma, self._temperature * noise if self.noise else None)


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
