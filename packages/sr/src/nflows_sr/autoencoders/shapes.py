"""Autoencoders of Stable Diffusion's shape: with a Gaussian latent or a codebook, of residual or coupling blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from torch import nn

from nflows_core.bijections.base import check_count
from nflows_sr.autoencoders.coupling import CouplingBlock
from nflows_sr.autoencoders.libraries import diffusers


@dataclass(frozen=True)
class Shape:
    r"""The sizes of an autoencoder, in JSON's own types.

    Arguments:
        coupled: Whether the blocks whose input and output have the same size are couplings.
        widths: Channels of each level; between two levels, height and width are halved.
        layers: Residual blocks of a level of the encoder; the decoder has one more.
        groups: Groups of each normalization, by which all widths divide.
        latent_channels: Channels of the latent.
        codes: Entries of the codebook; 0 for a Gaussian latent.

    Raises:
        ValueError: A size is no whole number above 0, or a width does not divide by ``groups``, or is odd and to be
            coupled.
    """

    coupled: bool
    widths: tuple[int, ...] = (128, 256, 512, 512)
    layers: int = 2
    groups: int = 32
    latent_channels: int = 4
    codes: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        for name in ("layers", "groups", "latent_channels"):
            check_count(name, getattr(self, name))
        check_count("codes", self.codes, 0)
        if not self.widths:
            raise ValueError("widths: an autoencoder needs one level or more")
        for width in self.widths:
            if check_count("widths", width) % self.groups or (self.coupled and width % 2):
                even = ", and even" if self.coupled else ""
                raise ValueError(f"widths: expected multiples of {self.groups} (`groups`){even}, got {width}")

    @property
    def factor(self) -> int:
        """How many times smaller than the picture's the height and width of the latent are."""
        return 1 << len(self.widths) - 1

    @property
    def settings(self) -> dict[str, Any]:
        """The sizes as JSON has them, of which ``Shape(**settings)`` makes the same."""
        return asdict(self) | {"widths": list(self.widths)}


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "affine-ae": Shape(coupled=True),
        "ae-kl": Shape(coupled=False),
        "affine-vqgan": Shape(coupled=True, codes=16384),
        "vqgan": Shape(coupled=False, codes=16384),
        "vq-vae": Shape(coupled=False, widths=(128, 256, 512), latent_channels=3, codes=8192),
    }
)
"""Autoencoders by their names in the thesis's tables 4.1 to 4.4: AE-KL is Stable Diffusion's, VQGAN has its shape and
ResShift's codebook, and VQ-VAE is latent diffusion's of factor 4 (Rombach et al. 2022, table 8, VQ-f4)."""


def build_autoencoder(shape: Shape) -> Any:
    """An untrained autoencoder: diffusers' ``AutoencoderKL``, or ``VQModel`` if it has a codebook.

    Its blocks are replaced, so its methods, its configuration and the forward pass are diffusers'.

    Raises:
        ModuleNotFoundError: The extra ``diffusion`` is not installed.
    """
    levels = len(shape.widths)
    sizes = {
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "block_out_channels": shape.widths,
        "layers_per_block": shape.layers,
        "norm_num_groups": shape.groups,
        "latent_channels": shape.latent_channels,
    }
    if shape.codes:
        autoencoder = diffusers().VQModel(**sizes, num_vq_embeddings=shape.codes)
        autoencoder.quantize.legacy = False  # else its weights of the two terms are exchanged
    else:
        autoencoder = diffusers().AutoencoderKL(**sizes)
    if shape.coupled:
        couple(autoencoder)
    return autoencoder


def couple(autoencoder: Any) -> list[str]:
    """Puts a coupling block in the place of each residual block whose input and output have the same size.

    Along the way of a picture the blocks change the second half of the channels and the first, in turn. Each starts as
    the identity, so what is around it keeps its meaning.

    Arguments:
        autoencoder: An ``AutoencoderKL`` or ``VQModel``, changed in place.

    Returns:
        The names of the modules that were replaced.
    """
    replaced: list[str] = []
    for name, block in list(_equal_size_blocks(autoencoder)):
        parent, _, index = name.rpartition(".")
        coupling = CouplingBlock(block.in_channels, len(replaced) % 2 == 1, block.norm1.num_groups)
        autoencoder.get_submodule(parent)[int(index)] = coupling.to(block.conv1.weight)
        replaced.append(name)
    return replaced


def coupling_blocks(autoencoder: nn.Module) -> list[CouplingBlock]:
    """The coupling blocks of an autoencoder."""
    return [block for block in autoencoder.modules() if isinstance(block, CouplingBlock)]


def _equal_size_blocks(autoencoder: Any) -> Iterator[tuple[str, Any]]:
    """The residual blocks of as many channels out as in, with their names, along the way of a picture."""
    for place in ("encoder.down_blocks", "encoder.mid_block", "decoder.mid_block", "decoder.up_blocks"):
        for name, block in autoencoder.get_submodule(place).named_modules():
            if type(block).__name__ == "ResnetBlock2D" and block.in_channels == block.out_channels:
                yield f"{place}.{name}", block
