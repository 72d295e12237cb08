"""Regions filled by LaMa, a network that continues what is around them."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.devices import find_device
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.weights import Weights, choose_weights, find_weights, load_state
from nflows_privacy.fills.pasting import Hole, Way
from nflows_privacy.fills.settings import FillSettings
from nflows_privacy.fills.sizes import at_size, back

BIG_LAMA = Weights(
    name="big-lama",
    file="big-lama.pt",
    revision="places2",
    sha256="344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
    mirrors=(
        "https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt",
        "https://huggingface.co/signature-ai/big-lama/resolve/main/big-lama.pt",
    ),
    size=205_669_692,
)
"""The network of its authors, trained on Places2 (Apache-2.0)."""

_SIDE, _LONGEST = 256, 512  # it was trained on squares of 256 pixels, and what is larger costs as much more


@dataclass(frozen=True)
class Lama(Way):
    """Large mask inpainting with Fourier convolutions, Suvorov et al., WACV 2022.

    Arguments:
        network: What makes of pixels :math:`(1, 3, H, W)` in [0, 1] and a mask :math:`(1, 1, H, W)`, 1 where they are
            hidden, the filled pixels.
        device: Where it computes.
    """

    network: Callable[[Tensor, Tensor], Tensor]
    device: torch.device

    context, blind = 1.0, True

    @torch.inference_mode()
    def __call__(self, hole: Hole, seed: int) -> NDArray[Any]:
        pixels, hidden = at_size(hole, min(max(_SIDE, *hole.hidden.shape), _LONGEST))
        picture = torch.from_numpy(pixels.astype(np.float32) / hole.top).permute(2, 0, 1).expand(3, -1, -1)
        mask = torch.from_numpy(hidden.astype(np.float32))
        made = self.network(picture[None].to(self.device), mask[None, None].to(self.device))
        return hole.top * back(made[0].permute(1, 2, 0).float().cpu().numpy(), hole)


def find(settings: FillSettings) -> Path:
    """The file of the weights; a CommandError with exit code 3 if they are missing."""
    name = BIG_LAMA.name if settings.model is None else settings.model
    return find_weights(choose_weights(name, [BIG_LAMA]))


def load(settings: FillSettings) -> Lama:
    """The way of settings; its network is kept in memory."""
    device = find_device(settings.device)
    return Lama(_network((find(settings), device)), device)


@keeps_one
def _network(chosen: tuple[Path, torch.device]) -> Callable[[Tensor, Tensor], Tensor]:
    try:
        import spandrel
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("`how` lama needs spandrel: pip install 'nflows-privacy[lama]'") from error

    path, device = chosen
    try:
        model = spandrel.ModelLoader(device).load_from_state_dict(_state(path))
    # There is no end to what architectures raise for weights that look like theirs and do not fit.
    except Exception as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} holds no whole LaMa: {said}; take an intact copy of {BIG_LAMA.file}") from error
    if not isinstance(model, spandrel.MaskedImageModelDescriptor):
        kind = f"a model of {model.architecture.name}"
        raise ValueError(f"{path} is {kind}, which fills no holes; give {BIG_LAMA.file}")  # noqa: TRY004 - a file
    network: Callable[[Tensor, Tensor], Tensor] = model.eval()
    return network


def _state(path: Path) -> dict[str, Any]:
    """The tensors of a file: of TorchScript, as LaMa is published, without calling anything in it, or by themselves."""
    if not _is_torchscript(path):
        return load_state(path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.load` is", FutureWarning)  # the file is of others, and stays so
        state: dict[str, Any] = torch.jit.load(path, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    return state


def _is_torchscript(path: Path) -> bool:
    """Whether a file is an archive that has code beside its tensors."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())
