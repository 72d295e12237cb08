"""From picture file to picture file: pixels to tiles, through an engine, and back."""

from nflows_sr.upscaling.tiles import Enlarge, Source, enlarged, enlarging, tiling_of
from nflows_sr.upscaling.upscale import Upscale

__all__ = ["Enlarge", "Source", "Upscale", "enlarged", "enlarging", "tiling_of"]
