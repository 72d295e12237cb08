"""From picture file to picture file: pixels to tiles, through an engine, and back."""

from nflows_sr.upscaling.tiles import enlarged, tiling_of
from nflows_sr.upscaling.upscale import Upscale

__all__ = ["Upscale", "enlarged", "tiling_of"]
