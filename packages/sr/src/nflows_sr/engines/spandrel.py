"""The models of others by their files, whose architecture spandrel knows: SwinIR, HAT, Real-ESRGAN and some forty more.

Only tensors are read from a file, never code (`nflows_core.runtime.weights.load_state`).
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import Tensor, nn

from nflows_core.runtime.weights import load_state
from nflows_sr.engines.base import Engine, EngineSettings
from nflows_sr.engines.network import NetworkEngine

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor

# Deep networks see farther than this, but no farther margin helps them: of RealESRGAN_x4plus a cut changes pixels by 10
# levels at a distance of 8 pixels and of 60. Their tiles are blended instead.
_FARTHEST = 20
_TRANSFORMER_TILE = 192  # 0.8 GB for SwinIR and 1.7 GB for HAT, where RealESRGAN_x4plus takes 0.7 GB for 256
_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")


def is_model_file(path: Path) -> bool:
    """Whether a path is called as files of weights are."""
    return path.is_file() and path.suffix.lower() in _SUFFIXES


def load_spandrel(settings: EngineSettings) -> NetworkEngine:
    """The engine of a file of weights.

    Raises:
        ValueError: The file is damaged, holds more than tensors, is of no architecture that spandrel knows, or of a
            model that does not enlarge pictures.
        ModuleNotFoundError: spandrel is not installed.
    """
    model = _described(Path(settings.model))
    precision = settings if model.supports_half else replace(settings, fp32=True)
    channels = cast(Literal[1, 3], model.input_channels)
    engine = NetworkEngine(_Padded(model), model.scale, _FARTHEST, channels, precision)
    engine.margin = min(reach(engine, _FARTHEST), _FARTHEST)
    if any(isinstance(layer, nn.LayerNorm) for layer in model.model.modules()):
        engine.tile = _TRANSFORMER_TILE
    return engine


def reach(engine: Engine, most: int) -> int:
    """How far the receptive field of an engine reaches, in pixels of the small picture.

    What a single NaN spreads to is what depends on its pixel, whatever the weights. It is put to eight places, since
    the windows of a transformer end somewhere.

    Arguments:
        engine: The engine.
        most: The largest distance that is told from larger ones.

    Returns:
        The distance; ``most + 1`` where it is larger.
    """
    farthest = 0
    for place in range(most + 1, most + 9):
        farthest = max(farthest, _spread(engine, place, 2 * most + 10))
        if farthest > most:
            return most + 1
    return farthest


def _spread(engine: Engine, place: int, side: int) -> int:
    """How far a NaN at that row and column of a square spreads."""
    tile = torch.full((3, side, side), 0.5)
    tile[:, place, place] = torch.nan
    touched = engine(tile).isnan().any(0).nonzero().cpu() // engine.scale
    return int((touched - place).abs().max())


def _described(path: Path) -> ImageModelDescriptor[nn.Module]:
    """The model in a file with all that spandrel knows of it, if it enlarges."""
    try:
        import spandrel
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{path} needs spandrel: pip install 'nflows-sr[models]'") from error

    state = load_state(path)
    try:
        with warnings.catch_warnings():
            # What torch tells the authors of architectures is nothing that a person can change.
            warnings.filterwarnings("ignore", "torch.meshgrid", UserWarning)
            model = spandrel.ModelLoader().load_from_state_dict(state)
    except spandrel.UnsupportedModelError as error:
        names = ", ".join(list(map(str, state))[:2]) or "none at all"
        raise ValueError(
            f"{path}: spandrel {version('spandrel')} knows no architecture with its tensors ({names}); is it a model"
            " that enlarges? A newer spandrel may know more"
        ) from error
    # There is no end to what architectures raise for weights that look like theirs and do not fit.
    except Exception as error:
        raise ValueError(f"{path} holds no whole model: {str(error).splitlines()[0]}; take an intact copy") from error
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.scale < 2 or model.purpose != "SR":
        raise ValueError(f"{path} is a model of {model.architecture.name} for {model.purpose}, which does not enlarge")
    if not model.input_channels == model.output_channels in (1, 3):
        channels = f"{model.input_channels} channels, and gives {model.output_channels}"
        raise ValueError(f"{path} is a model of {model.architecture.name} that takes {channels}; only 1 or 3 are known")
    return model


class _Padded(nn.Module):
    """A model that takes tiles of any size: what it needs more is mirrored, and cut off again."""

    def __init__(self, described: ImageModelDescriptor[nn.Module]) -> None:
        super().__init__()
        self.model = described.model
        self._described = described

    def forward(self, tiles: Tensor) -> Tensor:
        # A copy, since what is made in torch's inference mode may not be changed in place outside of it.
        enlarged: Tensor = self._described(tiles).clone()
        return enlarged
