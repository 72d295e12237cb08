"""Autoencoders of Stable Diffusion's shape, built of coupling layers or of residual blocks."""

from nflows_sr.autoencoders.coupling import CouplingBlock, HalfCoupling, ScaleAndShift
from nflows_sr.autoencoders.pretrained import Loaded, Trained, choose_trained, load_pretrained, take_over
from nflows_sr.autoencoders.reconstruction import Reconstructor, draw_latent
from nflows_sr.autoencoders.shapes import SHAPES, Shape, build_autoencoder, couple, coupling_blocks

__all__ = [
    "SHAPES",
    "CouplingBlock",
    "HalfCoupling",
    "Loaded",
    "Reconstructor",
    "ScaleAndShift",
    "Shape",
    "Trained",
    "build_autoencoder",
    "choose_trained",
    "couple",
    "coupling_blocks",
    "draw_latent",
    "load_pretrained",
    "take_over",
]
