"""The diffusion upscalers that diffusers has, from a folder: Stable Diffusion's x4 and latent diffusion's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nflows_core.runtime.foreign_text import read_json
from nflows_core.runtime.tiles import Tiling
from nflows_sr.autoencoders.libraries import diffusers, transformers
from nflows_sr.degradations import resize_bicubic
from nflows_sr.diffusion.colour import corrected
from nflows_sr.diffusion.folder import check_parts, damaged, load_network, load_tokenizer, read_index
from nflows_sr.diffusion.latents import factor
from nflows_sr.diffusion.settings import Sampling

_OVERLAP = 4  # a fourth of a tile
_STEPS = 20


class PipelineUpscaler:
    r"""A pipeline of diffusers over overlapping tiles, asked with an empty text.

    The noise of Stable Diffusion's upscaler is of the picture, so that tiles begin alike where they overlap.

    Arguments:
        pipeline: The pipeline, in the layout of one of `PIPELINES`.
    """

    def __init__(self, pipeline: Any) -> None:
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline
        self._run, part = PIPELINES[type(pipeline).__name__]
        self.scale = factor(getattr(pipeline, part))
        side = int(pipeline.unet.config.sample_size)
        self._tiling = Tiling(side, side // _OVERLAP, self.scale)
        self._lock = Lock()  # a pipeline's scheduler keeps the state of a run

    @property
    def networks(self) -> nn.ModuleList:
        """All that has weights."""
        return nn.ModuleList(part for part in self._pipeline.components.values() if isinstance(part, nn.Module))

    def to(self, device: torch.device, dtype: torch.dtype) -> PipelineUpscaler:
        """The same on another device, its weights of another type."""
        self._pipeline.to(device, dtype)
        return self

    def check(self, sampling: Sampling) -> None:
        """Raises a ValueError if the sampling asks for what such a pipeline has not."""
        if others := [name for name in sampling.chosen if name not in ("steps", "colour")]:
            raise ValueError(f"`{others[0]}`: a pipeline of diffusers has its own; leave it out")

    def enlarge(self, picture: Tensor, sampling: Sampling, seed: int) -> Tensor:
        """The picture, RGB in [0, 1], on the CPU, its sides as many times longer as ``scale`` says.

        Raises:
            ValueError: See `check`.
        """
        self.check(sampling)
        size = picture.shape[1:]
        unit = max(self.scale, 2 ** (len(self._pipeline.unet.config.block_out_channels) - 1))  # powers of two
        padded = F.pad(picture[None], (0, -size[1] % unit, 0, -size[0] % unit), "replicate")[0]
        noise = torch.randn(4, *padded.shape[1:], generator=torch.Generator().manual_seed(seed))
        run = partial(self._tile, _STEPS if sampling.steps is None else sampling.steps, seed)
        with self._lock:
            made = self._tiling.whole(run, torch.cat([padded, noise]))
        height, width = (self.scale * length for length in size)
        made = made[:, :height, :width]
        return corrected(made, resize_bicubic(picture, (height, width)), sampling.colour or "none").clamp_(0, 1)

    def _tile(self, steps: int, seed: int, tile: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        arguments = {"num_inference_steps": steps, "generator": generator, "output_type": "np"}
        (made,) = self._run(self._pipeline, tile[None, :3], tile[None, 3:], arguments).images
        return torch.from_numpy(made).permute(2, 0, 1)


def _run_stable_diffusion(pipeline: Any, pixels: Tensor, noise: Tensor, arguments: Mapping[str, Any]) -> Any:
    noise = noise.to(pipeline.device, pipeline.unet.dtype)
    return pipeline(prompt="", image=pixels, latents=noise, guidance_scale=1.0, **arguments)


def _run_latent_diffusion(pipeline: Any, pixels: Tensor, noise: Tensor, arguments: Mapping[str, Any]) -> Any:
    return pipeline(image=2 * pixels - 1, **arguments)


PIPELINES: Mapping[str, tuple[Callable[..., Any], str]] = {
    "StableDiffusionUpscalePipeline": (_run_stable_diffusion, "vae"),
    "LDMSuperResolutionPipeline": (_run_latent_diffusion, "vqvae"),
}
"""The pipelines that are known: how each is run, and the name of its autoencoder."""


def load_pipeline(folder: Path) -> PipelineUpscaler:
    """The upscaler of a folder, on the CPU, in float32.

    Raises:
        ValueError: The folder is of another kind, a part of it is missing or damaged.
        ModuleNotFoundError: The extra ``diffusion`` is not installed.
    """
    kind = read_index(folder)["_class_name"]
    if kind not in PIPELINES:
        raise ValueError(f"{folder} is a {kind}; known are {', '.join(PIPELINES)}")
    parts = _LATENT_DIFFUSION if kind == "LDMSuperResolutionPipeline" else _STABLE_DIFFUSION
    check_parts(folder, parts)
    loaded = {part: load(folder / part) for part, load in parts.items()}
    with damaged(folder):
        return PipelineUpscaler(getattr(diffusers(), kind)(**loaded))


def _scheduler(path: Path) -> Any:
    """The scheduler that its configuration names, of those that diffusers has."""
    with damaged(path):
        kind = read_json(path / "scheduler_config.json")["_class_name"]
        if not kind.endswith("Scheduler"):
            raise ValueError(f"{kind} is no scheduler")
        return getattr(diffusers(), kind).from_pretrained(path, local_files_only=True)


def _of_diffusers(name: str) -> Callable[[Path], Any]:
    return lambda path: load_network(path, getattr(diffusers(), name))


# The classes are written here: a folder may name any, of any library, and to import one may run anything.
_STABLE_DIFFUSION: Mapping[str, Callable[[Path], Any]] = {
    "vae": _of_diffusers("AutoencoderKL"),
    "unet": _of_diffusers("UNet2DConditionModel"),
    "text_encoder": lambda path: load_network(path, transformers().CLIPTextModel),
    "tokenizer": load_tokenizer,
    "low_res_scheduler": _scheduler,
    "scheduler": _scheduler,
}
_LATENT_DIFFUSION: Mapping[str, Callable[[Path], Any]] = {
    "vqvae": _of_diffusers("VQModel"),
    "unet": _of_diffusers("UNet2DModel"),
    "scheduler": _scheduler,
}
