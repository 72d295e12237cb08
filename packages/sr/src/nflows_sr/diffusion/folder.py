"""Stable Diffusion from a folder in diffusers' layout. Nothing is ever downloaded, and no pickle may run code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nflows_core.data.fingerprint import tensor_digest
from nflows_core.runtime.foreign_text import read_json
from nflows_core.runtime.model_folders import INDEX_FILE, quiet_libraries
from nflows_sr.autoencoders.libraries import diffusers, transformers
from nflows_sr.diffusion.conditioning import Modulation, modulated, tap_residual_blocks
from nflows_sr.diffusion.finding import PUBLISHED
from nflows_sr.diffusion.sampling import NoiseSchedule
from nflows_sr.diffusion.wrapping import tap_levels

_PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


@dataclass(frozen=True)
class StableDiffusion:
    """A text-to-image diffusion that is not trained any further, and asked with an empty text.

    Its networks are tapped, so that others can guide them.

    Arguments:
        unet: The U-Net, a ``UNet2DConditionModel``.
        autoencoder: The autoencoder, an ``AutoencoderKL`` or one with its parts and its interface.
        prompt: What the text encoder makes of an empty text, :math:`(1, L, D)`.
        schedule: The noise that it was trained with.
    """

    unet: Any
    autoencoder: Any
    prompt: Tensor
    schedule: NoiseSchedule

    def __post_init__(self) -> None:
        tap_residual_blocks(self.unet)
        tap_levels(self.autoencoder)

    @property
    def widths(self) -> Sequence[int]:
        """The channels of each level of the autoencoder."""
        return tuple(self.autoencoder.config.block_out_channels)

    @property
    def digest(self) -> str:
        """What its U-Net is known by: the SHA-256 of its biases and norms, which every fine-tuning changes."""
        return tensor_digest(*(parameter for parameter in self.unet.parameters() if parameter.ndim == 1))

    def with_autoencoder(self, autoencoder: Any) -> StableDiffusion:
        """The same with another autoencoder, whose latents are alike.

        Raises:
            ValueError: It is of another shape.
        """
        shapes = [
            (one.config.latent_channels, *one.config.block_out_channels) for one in (self.autoencoder, autoencoder)
        ]
        if shapes[0] != shapes[1]:
            raise ValueError(
                "`autoencoder`: its latents or levels are not those of the diffusion's own; give one that began with"
                " its weights"
            )
        return replace(self, autoencoder=autoencoder.eval().requires_grad_(False))

    def to(self, device: torch.device | str) -> StableDiffusion:
        """The same on another device; the networks are moved, not copied."""
        unet, autoencoder = self.unet.to(device), self.autoencoder.to(device)
        return replace(self, unet=unet, autoencoder=autoencoder, prompt=self.prompt.to(device))

    def predict(self, noisy: Tensor, times: Tensor, modulation: Modulation) -> Tensor:
        """What the U-Net predicts of noisy latents at times :math:`(B,)`, guided by a modulation."""
        prompt = self.prompt.expand(len(noisy), -1, -1)
        with modulated(modulation):
            predicted: Tensor = self.unet(noisy, times, encoder_hidden_states=prompt).sample
        return predicted.float()


def read_index(folder: Path) -> Mapping[str, Any]:
    """What ``model_index.json`` says: the pipeline's class, and library and class of each part.

    Raises:
        ValueError: The folder has none, or it is of no pipeline.
    """
    path = folder / INDEX_FILE
    if not path.is_file():
        raise ValueError(f"{folder} is no model in diffusers' layout, it has no {INDEX_FILE}: give the folder that has")
    read = read_json(path)
    index: dict[str, Any] = read if isinstance(read, dict) else {}
    if not isinstance(index.get("_class_name"), str):
        raise ValueError(f"{path} does not name the class of a pipeline; take an intact copy")  # noqa: TRY004 - a file
    return index


def load_stable_diffusion(folder: Path) -> StableDiffusion:
    """The parts of a Stable Diffusion, on the CPU, in float32.

    Raises:
        ValueError: The folder is of another kind, a part of it is missing or damaged, or its U-Net takes more than a
            latent.
        ModuleNotFoundError: The extra ``diffusion`` is not installed.
    """
    kind = read_index(folder)["_class_name"]
    if kind != "StableDiffusionPipeline":
        raise ValueError(f"{folder} is a {kind}; give the folder of a StableDiffusionPipeline, such as {PUBLISHED}")
    check_parts(folder, _PARTS)
    unet = load_network(folder / "unet", diffusers().UNet2DConditionModel)
    autoencoder = load_network(folder / "vae", diffusers().AutoencoderKL)
    with damaged(folder / "scheduler"):
        schedule = NoiseSchedule(read_json(folder / "scheduler" / "scheduler_config.json"))
    base = StableDiffusion(unet, autoencoder, _empty_prompt(folder), schedule)
    _check_fit(folder, base)
    return base


def unet_of_shape(folder: Path) -> Any:
    """A U-Net as a folder's is, without weights: what has as many levels and channels can be made by it.

    Raises:
        ValueError: The folder's configuration is damaged.
    """
    with damaged(folder / "unet"), torch.device("meta"):
        return diffusers().UNet2DConditionModel.from_config(read_json(folder / "unet" / "config.json"))


def widths_of_autoencoder(folder: Path) -> Sequence[int]:
    """The channels of each level of a folder's autoencoder; a ValueError if its configuration is damaged."""
    with damaged(folder / "vae"):
        return tuple(map(int, read_json(folder / "vae" / "config.json")["block_out_channels"]))


def check_parts(folder: Path, parts: Iterable[str]) -> None:
    """Raises a ValueError if a part of a model is not there."""
    if missing := [part for part in parts if not (folder / part).is_dir()]:
        raise ValueError(f"{folder} has no {', '.join(missing)}; copy all of {', '.join(parts)} into it")


def load_network(path: Path, kind: Any) -> Any:
    """A network of diffusers or transformers, not to be trained; a ValueError unless its files have all weights."""
    has_safetensors = any(path.glob("*.safetensors"))  # else a pickle, read by torch's weights_only
    with damaged(path):
        network, told = kind.from_pretrained(
            path, local_files_only=True, use_safetensors=has_safetensors, output_loading_info=True, **_variant(path)
        )
        if lacking := sorted(told["missing_keys"]):
            raise ValueError(f"{len(lacking)} weights are missing, such as {lacking[0]}")
    return network.eval().requires_grad_(False)


def load_tokenizer(path: Path) -> Any:
    """A tokenizer of CLIP; a ValueError if it is damaged."""
    with damaged(path):
        return transformers().CLIPTokenizer.from_pretrained(path, local_files_only=True)


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Says of what a library cannot read where it is, and what to do; on damaged files it fails with any error."""
    diffusers("diffusers.utils.logging"), transformers()
    try:
        with quiet_libraries():
            yield
    except (ModuleNotFoundError, MemoryError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise ValueError(
            f"{path} is damaged or not complete: {said or type(error).__name__}; take an intact copy"
        ) from error


def _variant(path: Path) -> dict[str, str]:
    """Weights that are there in half precision only are read as such."""
    names = [file.name for file in path.glob("*.safetensors")]
    return {"variant": "fp16"} if names and all(".fp16." in name for name in names) else {}


def _empty_prompt(folder: Path) -> Tensor:
    """What the text encoder makes of no text, which guides nothing (the null prompt); it is not needed again."""
    tokenizer = load_tokenizer(folder / "tokenizer")
    encoder = load_network(folder / "text_encoder", transformers().CLIPTextModel)
    with damaged(folder / "text_encoder"), torch.no_grad():
        tokens = tokenizer("", padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt")
        prompt: Tensor = encoder(tokens.input_ids).last_hidden_state
    return prompt


def _check_fit(folder: Path, base: StableDiffusion) -> None:
    """Whether the U-Net takes the latents and the text that the others make, and nothing else."""
    config, latent = base.unet.config, base.autoencoder.config.latent_channels
    if config.in_channels != latent:
        raise ValueError(
            f"{folder}: the U-Net takes {config.in_channels} channels and the latent has {latent}; give a model"
            " that makes pictures of text alone, no inpainting one"
        )
    if config.cross_attention_dim != base.prompt.shape[-1] or not isinstance(config.sample_size, int):
        raise ValueError(f"{folder}: the parts do not belong to each other; take all of them from one model")
