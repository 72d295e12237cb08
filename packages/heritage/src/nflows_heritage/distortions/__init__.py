r"""The ten ways in which a picture of art suffers (Nagar 2025, chapter 8), as seeded functions of a picture.

Noise is two of them, salt and pepper and speckle. Each has five levels and draws the rest of its parameters; with one
seed it draws the same at each level, so that a higher level is the same damage, only more of it.
"""

from nflows_heritage.distortions.distort import CLEAN, DISTORTIONS, KINDS, distorted
from nflows_heritage.distortions.levels import LEVELS

__all__ = ["CLEAN", "DISTORTIONS", "KINDS", "LEVELS", "distorted"]
