"""What is put in the place of a region, each chosen by its name."""

from nflows_privacy.fills.base import Fill
from nflows_privacy.fills.choice import load_fill, weights_of
from nflows_privacy.fills.settings import HOW, FillSettings, stronger

__all__ = ["HOW", "Fill", "FillSettings", "load_fill", "stronger", "weights_of"]
