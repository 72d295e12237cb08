"""BigGAN (Brock, Donahue & Simonyan 2019) for pictures of 32 to 256 pixels, as wide as one likes."""

from nflows_agri.generation.biggan.discriminator import Discriminator
from nflows_agri.generation.biggan.generator import Generator
from nflows_agri.generation.biggan.layers import SIDES, ConditionalBatchNorm2d, SelfAttention

__all__ = ["SIDES", "ConditionalBatchNorm2d", "Discriminator", "Generator", "SelfAttention"]
