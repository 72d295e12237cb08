"""Models that fill, tiny or of few different weights, and untrained, in the files that a person would download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SIDE = 8
"""The side of the latents that the U-Net is said to be trained on: pictures of 32 x 32."""


def write_diffusion(folder: Path, inputs: int = 9) -> Path:
    """A Stable Diffusion; with 9 inputs one that was trained to fill, with 4 one of text alone."""
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(1)
    UNet2DConditionModel(
        sample_size=SIDE,
        in_channels=inputs,
        out_channels=4,
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=8,
        attention_head_dim=4,
        norm_num_groups=4,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(8, 16, 32),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
    ).save_pretrained(folder / "vae")
    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = CLIPTextConfig(vocab_size=4, max_position_embeddings=5, bos_token_id=0, eos_token_id=1, **sizes)
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    DDIMScheduler(steps_offset=1, clip_sample=False, set_alpha_to_one=False).save_pretrained(folder / "scheduler")
    _write_tokenizer(folder / "tokenizer")
    kind = "StableDiffusionInpaintPipeline" if inputs == 9 else "StableDiffusionPipeline"
    parts = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "scheduler": "DDIMScheduler"}
    text_parts = {"text_encoder": "CLIPTextModel", "tokenizer": "CLIPTokenizer"}
    index: dict[str, Any] = {"_class_name": kind, "_diffusers_version": "0.37.0"}
    index |= {part: ["diffusers", name] for part, name in parts.items()}
    index |= {part: ["transformers", name] for part, name in text_parts.items()}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def _write_tokenizer(folder: Path) -> None:
    """One that knows a letter."""
    folder.mkdir(parents=True)
    tokens = ["<|startoftext|>", "<|endoftext|>", "a", "a</w>"]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 5, "bos_token": tokens[0]}
    ends = dict.fromkeys(("eos_token", "unk_token", "pad_token"), tokens[1])
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | ends))


def lama_state() -> dict[str, Tensor]:
    """Weights by LaMa's names, as it is published: 51 million, of which each tensor repeats a few thousand."""
    from spandrel.architectures.LaMa import LaMa

    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in LaMa(in_nc=4, out_nc=3).state_dict().items()}
    generator = torch.Generator().manual_seed(1)
    return {name: _repeated(name, shape, generator) for name, shape in shapes.items()}


def _repeated(name: str, shape: torch.Size, generator: torch.Generator) -> Tensor:
    if name.endswith(("running_var", "num_batches_tracked")):
        return torch.ones(shape)
    flat = torch.randn(sum(shape) + 1, generator=generator) / max(1, shape[1:].numel()) ** 0.5
    return flat.as_strided(shape, (1,) * len(shape))  # neighbours share their numbers, and the file is small
