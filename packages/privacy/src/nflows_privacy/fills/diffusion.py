"""Regions filled by a diffusion that is told what belongs there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.devices import find_device
from nflows_core.runtime.foreign_text import read_json
from nflows_core.runtime.model_folders import INDEX_FILE, find_model_folder, quiet_libraries
from nflows_core.runtime.models import keeps_one
from nflows_privacy.fills.pasting import Hole, Way
from nflows_privacy.fills.settings import FillSettings
from nflows_privacy.fills.sizes import at_size, back

PUBLISHED = "stable-diffusion-v1-5/stable-diffusion-inpainting"
"""Stable Diffusion 1.5 trained to fill, under the name that it has since its publisher deleted it in 2024."""
_MIRRORS = ("runwayml/stable-diffusion-inpainting", "botp/stable-diffusion-v1-5-inpainting")

# No face and no plate that is written on: nobody could tell whether one that is found was made up or left.
_PROMPTS: Mapping[str, str] = {
    "face": "a photograph of the back of a head, hair",
    "plate": "a photograph of a car with a blank white plate, nothing written on it",
}
_NOTHING_NAMED = "a photograph of a street"
_STEPS = 20
_LIBRARIES = ("diffusers", "transformers")


@dataclass(frozen=True)
class Diffusion(Way):
    """Inpainting by a diffusion in latents: R. Rombach et al., High-resolution image synthesis with latent diffusion
    models, CVPR 2022.

    It begins with noise alone, and the autoencoder never sees the region: a latent holds what is around it, too.

    Arguments:
        pipeline: What fills, of diffusers.
        device: Where it computes.
    """

    pipeline: Any
    device: torch.device

    context, blind = 1.0, True

    def __call__(self, hole: Hole, seed: int) -> NDArray[Any]:
        side = int(self.pipeline.unet.config.sample_size) * int(self.pipeline.vae_scale_factor)
        pixels, hidden = at_size(hole, side)
        picture = torch.from_numpy(pixels.astype(np.float32) / hole.top).permute(2, 0, 1).expand(3, -1, -1)
        made = self._filled(_square(picture, side), _square(torch.from_numpy(hidden)[None].float(), side), hole, seed)
        return hole.top * back(made[: hidden.shape[0], : hidden.shape[1]], hole)

    def _filled(self, picture: Tensor, mask: Tensor, hole: Hole, seed: int) -> NDArray[np.float32]:
        """The picture filled, :math:`(H, W, 3)` in [0, 1]; of noise of its place, lest all regions become alike."""
        (own,) = np.random.SeedSequence([seed, *hole.corner]).generate_state(1)
        with quiet_libraries():
            (made,) = self.pipeline(
                prompt=_PROMPTS.get(hole.kind, _NOTHING_NAMED),
                image=picture[None],
                mask_image=mask[None],
                height=picture.shape[1],
                width=picture.shape[2],
                strength=1.0,
                num_inference_steps=_STEPS,
                generator=torch.Generator().manual_seed(int(own)),
                output_type="np",
            ).images
        filled: NDArray[np.float32] = made
        return filled


def _square(pixels: Tensor, side: int) -> Tensor:
    """A window :math:`(C, H, W)` with its last pixels repeated, as large as the model's pictures."""
    height, width = pixels.shape[1:]
    padding = (0, side - width, 0, side - height)
    return torch.nn.functional.pad(pixels[None], padding, "replicate")[0]


def find(settings: FillSettings) -> Path:
    """The folder of the model; a CommandError with exit code 3 if it is missing."""
    return find_model_folder(settings.model or PUBLISHED, PUBLISHED, _MIRRORS)


def load(settings: FillSettings) -> Diffusion:
    """The way of settings; its networks are kept in memory."""
    device = find_device(settings.device)
    return Diffusion(_pipeline((find(settings), device)), device)


@keeps_one
def _pipeline(chosen: tuple[Path, torch.device]) -> Any:
    """The pipeline of a folder, from which nothing is run: it may name parts of two libraries and have no code."""
    folder, device = chosen
    _check_index(folder)
    diffusers = _diffusers()
    try:
        with quiet_libraries():
            pipeline = diffusers.AutoPipelineForInpainting.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                safety_checker=None,  # it would put black in the place of what it takes for something else
                requires_safety_checker=False,
            )
    # On damaged files diffusers fails with any error.
    except Exception as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise ValueError(f"{folder} is damaged or no model that fills: {said}; take an intact copy") from error
    if not hasattr(pipeline, "unet"):
        raise ValueError(f"{folder} is a {type(pipeline).__name__}; give a Stable Diffusion, such as {PUBLISHED}")
    pipeline.set_progress_bar_config(disable=True)
    with quiet_libraries():
        return pipeline.to(device, torch.float16 if device.type == "cuda" else torch.float32)


def _check_index(folder: Path) -> None:
    """Raises a ValueError if a folder is none of a pipeline, or its parts are neither diffusers' nor transformers'."""
    path = folder / INDEX_FILE
    if not path.is_file():
        raise ValueError(f"{folder} is no model in diffusers' layout, it has no {INDEX_FILE}: give the folder that has")
    index = read_json(path)
    parts = index if isinstance(index, dict) else {}
    named = [value[0] for value in parts.values() if isinstance(value, list) and value]
    if not named or not isinstance(parts.get("_class_name"), str):
        raise ValueError(f"{path} names no pipeline and its parts; take an intact copy")
    if foreign := [name for name in named if name not in (None, *_LIBRARIES)]:
        raise ValueError(f"{path} wants code of {foreign[0]!r} to be run, which is refused; give a model without")


def _diffusers() -> ModuleType:
    try:
        import diffusers
        import transformers  # noqa: F401 - without it diffusers fails late
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"`how` diffusion needs {error.name}: pip install 'nflows-privacy[diffusion]'", name=error.name
        ) from error
    return diffusers
