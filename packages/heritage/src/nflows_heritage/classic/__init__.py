"""Restoration without weights: for each of the eleven kinds of damage its parameters, and what undoes it.

Example:
    >>> from nflows_heritage.distortions import distorted
    >>> import numpy as np, torch
    >>> clean = torch.linspace(0.2, 0.8, 64).expand(1, 64, 64).contiguous()
    >>> damaged = distorted(clean, "salt-and-pepper", 3, seed=0).permute(1, 2, 0).numpy()
    >>> method = estimated("salt-and-pepper", damaged)
    >>> bool(np.abs(method(damaged) - clean.permute(1, 2, 0).numpy()).max() < 0.02)
    True
"""

from nflows_heritage.classic.blocks import Pixelated
from nflows_heritage.classic.colours import Dull, Faded
from nflows_heritage.classic.estimated import KINDS, Method, Untouched, estimated, from_record, recorded
from nflows_heritage.classic.impulses import SaltAndPepper
from nflows_heritage.classic.noise import Noise
from nflows_heritage.classic.rain import Rain
from nflows_heritage.classic.unsharp import Moved, OutOfFocus
from nflows_heritage.classic.zoom import Zoomed

__all__ = [
    "KINDS",
    "Dull",
    "Faded",
    "Method",
    "Moved",
    "Noise",
    "OutOfFocus",
    "Pixelated",
    "Rain",
    "SaltAndPepper",
    "Untouched",
    "Zoomed",
    "estimated",
    "from_record",
    "recorded",
]
