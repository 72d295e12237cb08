"""Folders in diffusers' layout whose networks are tiny and untrained, as a person would download large ones."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

WIDTHS = (8, 16, 32)
"""The channels of the levels of the autoencoder: a latent's pixel is 4 x 4 of the picture's."""
SIDE = 8
"""The side of the latents that the U-Net is said to be trained on: pictures of 32 x 32."""
SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


def _diffusers() -> Any:
    return import_module("diffusers")


def unet(inputs: int = 4, side: int = SIDE, context: int = 8, **arguments: Any) -> Any:
    torch.manual_seed(1)
    return _diffusers().UNet2DConditionModel(
        sample_size=side,
        in_channels=inputs,
        out_channels=4,
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=context,
        attention_head_dim=4,
        norm_num_groups=4,
        **arguments,
    )


def autoencoder(scaling_factor: float = 0.18215) -> Any:
    torch.manual_seed(2)
    return _diffusers().AutoencoderKL(
        block_out_channels=WIDTHS,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=scaling_factor,
    )


def text_encoder() -> Any:
    transformers: Any = import_module("transformers")
    torch.manual_seed(3)
    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return transformers.CLIPTextModel(
        transformers.CLIPTextConfig(vocab_size=4, max_position_embeddings=5, bos_token_id=0, eos_token_id=1, **sizes)
    )


def write_tokenizer(folder: Path) -> None:
    """One that knows a letter."""
    folder.mkdir(parents=True)
    tokens = ["<|startoftext|>", "<|endoftext|>", "a", "a</w>"]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 5, "bos_token": tokens[0]}
    ends = dict.fromkeys(("eos_token", "unk_token", "pad_token"), tokens[1])
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | ends))


def write_stable_diffusion(folder: Path, prediction: str = "epsilon", scheduler: str = "PNDMScheduler") -> Path:
    """A Stable Diffusion."""
    unet().save_pretrained(folder / "unet")
    autoencoder().save_pretrained(folder / "vae")
    text_encoder().save_pretrained(folder / "text_encoder")
    write_tokenizer(folder / "tokenizer")
    _write_scheduler(folder / "scheduler", scheduler, prediction)
    parts = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "scheduler": scheduler}
    _write_index(folder, "StableDiffusionPipeline", parts)
    return folder


def write_upscaler(folder: Path) -> Path:
    """Stable Diffusion's x4 upscaler, of tiles of 16 x 16 pixels."""
    unet(inputs=7, side=16, num_class_embeds=1000).save_pretrained(folder / "unet")
    autoencoder(0.08333).save_pretrained(folder / "vae")
    text_encoder().save_pretrained(folder / "text_encoder")
    write_tokenizer(folder / "tokenizer")
    schedulers = {"scheduler": "DDIMScheduler", "low_res_scheduler": "DDPMScheduler"}
    for name, kind in schedulers.items():
        _write_scheduler(folder / name, kind)
    parts = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", **schedulers}
    _write_index(folder, "StableDiffusionUpscalePipeline", parts)
    return folder


def write_latent_upscaler(folder: Path) -> Path:
    """Latent diffusion's x4 upscaler, of tiles of 16 x 16 pixels."""
    torch.manual_seed(4)
    down, up = ("DownBlock2D",) * 3, ("UpBlock2D",) * 3
    sizes: dict[str, Any] = {"block_out_channels": WIDTHS, "layers_per_block": 1, "norm_num_groups": 4}
    _diffusers().UNet2DModel(
        sample_size=16, in_channels=6, out_channels=3, down_block_types=down, up_block_types=up, **sizes
    ).save_pretrained(folder / "unet")
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 3, "up_block_types": ("UpDecoderBlock2D",) * 3}
    _diffusers().VQModel(latent_channels=3, num_vq_embeddings=8, **blocks, **sizes).save_pretrained(folder / "vqvae")
    _write_scheduler(folder / "scheduler", "DDIMScheduler")
    parts = {"unet": "UNet2DModel", "vqvae": "VQModel", "scheduler": "DDIMScheduler"}
    _write_index(folder, "LDMSuperResolutionPipeline", parts, has_text=False)
    return folder


def _write_scheduler(folder: Path, name: str, prediction: str = "epsilon") -> None:
    folder.mkdir(parents=True)
    config = {"_class_name": name, "prediction_type": prediction, **SCHEDULE}
    (folder / "scheduler_config.json").write_text(json.dumps(config))


def _write_index(folder: Path, name: str, parts: dict[str, str], has_text: bool = True) -> None:
    named = {part: ["diffusers", kind] for part, kind in parts.items()}
    texts = {"text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"]}
    index = {"_class_name": name, **named, **(texts if has_text else {})}
    (folder / "model_index.json").write_text(json.dumps(index))
