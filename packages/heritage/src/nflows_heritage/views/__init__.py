"""What of a picture of any size a network is shown: its rows, and the whole of it small."""

from nflows_heritage.views.arrays import Colours, InMemory
from nflows_heritage.views.reduced import reduced

__all__ = ["Colours", "InMemory", "reduced"]
