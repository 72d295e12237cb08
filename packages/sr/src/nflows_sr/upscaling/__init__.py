"""From picture file to picture file: pixels to tiles, through an engine, and back."""

from nflows_sr.upscaling.tiles import Source, enlarged, tiling_of
from nflows_sr.upscaling.upscale import Upscale

__all__ = ["Source", "Upscale", "enlarged", "tiling_of"]
