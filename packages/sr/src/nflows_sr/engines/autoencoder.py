"""The autoencoders that stage 1 has trained to enlarge, from their run folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from nflows_sr.autoencoders import Reconstructor
from nflows_sr.degradations import resize_bicubic
from nflows_sr.engines.base import EngineSettings
from nflows_sr.engines.network import NetworkEngine
from nflows_sr.training.runs import is_run, load_model, read_run

_RECIPES = ("affine-ae", "ae-kl", "affine-vqgan", "vqgan")
_MARGIN = 16  # in pixels of the small picture, for what convolutions see
_LARGE_TILE = 384  # of full size it needs 1 GB


class EnlargingAutoencoder(nn.Module):
    """An autoencoder as a network that enlarges: a bicubic enlargement goes in, a sharp one comes out.

    Arguments:
        reconstructor: The trained autoencoder.
        scale: How many times the sides grow.
    """

    def __init__(self, reconstructor: Reconstructor, scale: int) -> None:
        super().__init__()
        self.reconstructor = reconstructor
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Maps pictures in [0, 1], :math:`(B, 3, h, w)`, to :math:`(B, 3, sh, sw)`."""
        height, width = (self.scale * side for side in x.shape[-2:])
        blurred = resize_bicubic(x, (height, width)).clamp(0, 1)
        factor = self.reconstructor.factor
        padded = F.pad(blurred, (0, -width % factor, 0, -height % factor), mode="replicate")
        sharp: Tensor = self.reconstructor(2 * padded - 1, mode=True)[0]
        return (sharp[..., :height, :width] + 1) / 2


def is_autoencoder_run(path: Path) -> bool:
    """Whether a folder is that of a training of an autoencoder."""
    return is_run(path, *_RECIPES)


def load_autoencoder(settings: EngineSettings) -> NetworkEngine:
    """The autoencoder of a run folder.

    Its normalization and attention see all of a tile, so that a tile depends on where it was cut, beyond any margin:
    tiles that overlap are blended, and larger ones differ less from the picture in one piece.

    Raises:
        RunError: Its model cannot be built, or nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another model.
    """
    folder = Path(settings.model)
    run = read_run(folder)
    trained: Any = load_model(folder, run)
    scale = int(run.settings["scale"])
    engine = NetworkEngine(EnlargingAutoencoder(trained.reconstructor, scale), scale, _MARGIN, 3, settings)
    engine.tile = _LARGE_TILE // scale
    return engine
