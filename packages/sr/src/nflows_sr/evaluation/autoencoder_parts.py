"""What the autoencoders of full size are made of, counted as table 4.1 of the thesis counts them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from nflows_core.evaluation import untrained_lpips
from nflows_sr.autoencoders import SHAPES, build_autoencoder, coupling_blocks
from nflows_sr.diffusion.wrapping import FeatureWrapping
from nflows_sr.evaluation.autoencoder_costs import count_flops
from nflows_sr.losses import PatchDiscriminator

_SIZE = 512
_THESIS = {"affine-ae": (68.3, 53.6), "ae-kl": (145.0, 47.2), "vqgan": (101.2, None)}
"""Millions of parameters, all and those that learn, in table 4.1."""


def autoencoder_parts(name: str) -> dict[str, Any]:
    """The parameters and operations of an autoencoder of full size, with what it is trained with.

    StableSR's AE-KL is pretrained, so what learns beside the discriminator is its feature wrapping; the others have no
    wrapping and learn as a whole. Of one with couplings, the thesis's text says that they alone learn: both are given.

    Arguments:
        name: A name in `SHAPES`.

    Returns:
        Parameters by part, all and those that learn; operations of encoding and decoding a picture of 512 x 512; and
        the thesis's millions, where it has some.

    Raises:
        ModuleNotFoundError: A library is not installed that a part needs.
    """
    with torch.device("meta"):  # what is only counted takes no memory
        autoencoder, discriminator = build_autoencoder(SHAPES[name]), PatchDiscriminator()
        wrapping = FeatureWrapping(SHAPES[name].widths) if name == "ae-kl" else nn.Module()
        parts = {
            "autoencoder": autoencoder,
            "encoder": autoencoder.encoder,
            "decoder": autoencoder.decoder,
            "coupling_blocks": nn.ModuleList(coupling_blocks(autoencoder)),
            "discriminator": discriminator,
            "lpips": untrained_lpips(),
            "feature_wrapping": wrapping,
        }
    counts = {f"{part}_parameters": _count(module) for part, module in parts.items()}
    whole = [autoencoder, discriminator, parts["lpips"], wrapping]
    learning = [wrapping if name == "ae-kl" else autoencoder, discriminator]
    flops = count_flops(SHAPES[name], _SIZE)
    report = {
        "model": name,
        **counts,
        "parameters": sum(map(_count, whole)),
        "learnable_parameters": sum(map(_count, learning)),
        "encode_gigaflops": flops["encode"] / 1e9,
        "decode_gigaflops": flops["decode"] / 1e9,
    }
    if SHAPES[name].coupled:
        alone = [parts["coupling_blocks"], discriminator]
        report["learnable_parameters_if_couplings_alone"] = sum(map(_count, alone))
    total, learnable = _THESIS.get(name, (None, None))
    thesis = {"thesis_million_parameters": total, "thesis_million_learnable_parameters": learnable}
    return report | {words: number for words, number in thesis.items() if number is not None}


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
