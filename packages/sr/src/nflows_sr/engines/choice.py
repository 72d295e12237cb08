"""From a name or a path to an engine.

A new one with a name is a line of `_NAMED`, or of `published` if its weights are to be fetched; a new kind of file or
folder is a line of `_READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nflows_core.runs.kind import CONFIG_FILE
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.model_folders import is_repository
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.weights import find_weights
from nflows_sr import shipped
from nflows_sr.diffusion.finding import find_folder
from nflows_sr.engines.autoencoder import is_autoencoder_run, load_autoencoder
from nflows_sr.engines.base import Engine, EngineSettings, PictureEngine
from nflows_sr.engines.bicubic import load_bicubic
from nflows_sr.engines.coupling import is_luma_run, load_run, load_shipped
from nflows_sr.engines.diffusion import is_diffusion, load_diffusion
from nflows_sr.engines.flow import is_flow_run, load_flow_run, load_shipped_flow
from nflows_sr.engines.published import PUBLISHED
from nflows_sr.engines.spandrel import is_model_file, load_spandrel
from nflows_sr.training.runs import read_run

Load = Callable[[EngineSettings], Engine | PictureEngine]

_NAMED: Mapping[str, Load] = {"bicubic": load_bicubic, "coupling": load_shipped, "flow": load_shipped_flow}
"""Engines that need no file of a person's."""

_FLOWS = (load_shipped_flow, load_flow_run)

_READERS: Sequence[tuple[Callable[[Path], bool], Load]] = (
    (is_luma_run, load_run),
    (is_autoencoder_run, load_autoencoder),
    (is_diffusion, load_diffusion),
    (is_flow_run, load_flow_run),
    (is_model_file, load_spandrel),
)
"""What says whether a file or folder is of a kind, and what loads it; the first that fits is taken."""


def resolve(settings: EngineSettings, others: Iterable[str] = ()) -> EngineSettings:
    """The same settings, once it is known that there is such a model; its path becomes absolute.

    A file or folder of that name goes before an engine of that name. Published weights are fetched if they are missing.

    Arguments:
        settings: The settings.
        others: Names of no engine that are known where it is asked, for the error.

    Raises:
        CommandError: There is neither, or weights cannot be had; exit code 3.
    """
    path = Path(settings.model)
    if path.exists():
        return replace(settings, model=str(path.absolute()))
    if is_repository(settings.model):
        return replace(settings, model=str(find_folder(settings.model).absolute()))
    if weights := next((one for one in PUBLISHED if one.name == settings.model), None):
        return replace(settings, model=str(find_weights(weights).absolute()))
    if settings.model not in _NAMED:
        names = ", ".join([*_NAMED, *(weights.name for weights in PUBLISHED), *others])
        raise CommandError(
            f"{settings.model}: no such model; give one of {names}, or the path of a model's file or folder",
            ExitCode.WEIGHTS,
        )
    return settings


def weights_of(settings: EngineSettings) -> Path | None:
    """The file or folder of the weights of resolved settings; nothing for what has none."""
    path = Path(settings.model)
    if path.is_absolute():
        return path
    folder = shipped.find(settings.model, settings.scale or 2)
    return folder if folder.exists() else None


def is_flow(settings: EngineSettings) -> bool:
    """Whether resolved settings are of a flow, whose noise has a temperature."""
    return _loader(settings.model) in _FLOWS


@keeps_one
def load_engine(settings: EngineSettings) -> Engine | PictureEngine:
    """The engine of resolved settings; one is kept in memory, for all threads of a process.

    Raises:
        ValueError: The file is no model that is read, is damaged, or its scale is not the one that is asked for; or
            there is no such device.
        ModuleNotFoundError: A library is not installed that such a model needs.
    """
    load = _loader(settings.model)
    if load is not load_diffusion and (chosen := settings.sampling.chosen):
        raise ValueError(f"`{chosen[0]}`: {settings.model} is no diffusion; leave it out")
    if load not in _FLOWS and settings.temperature is not None:
        raise ValueError(f"`temperature`: {settings.model} is no flow; leave it out")
    engine = load(replace(settings, device=str(settings.place)))
    if settings.scale not in (None, engine.scale):
        raise ValueError(f"`scale` {settings.scale}: {settings.model} enlarges {engine.scale} times; give that")
    return engine


def _loader(model: str) -> Load:
    path = Path(model)
    if not path.is_absolute():
        return _NAMED[model]
    loaders = [load for fits, load in _READERS if fits(path)]
    if not loaders:
        if (path / CONFIG_FILE).is_file():
            read_run(path)  # which says what is wrong with it
        raise ValueError(f"{model} is no model that is read: give the folder of a training, or a file of weights")
    return loaders[0]
