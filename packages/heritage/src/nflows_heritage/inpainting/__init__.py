"""What a mask marks, filled from its surroundings; every other pixel stays the same to the bit."""

from nflows_heritage.inpainting.biharmonic import biharmonic_fill
from nflows_heritage.inpainting.inpaint import METHODS, inpaint
from nflows_heritage.inpainting.patches import patch_fill

__all__ = ["METHODS", "biharmonic_fill", "inpaint", "patch_fill"]
