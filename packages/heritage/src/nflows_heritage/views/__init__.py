"""What of a picture of any size a network is shown: the whole of it small, and parts of it as they are."""

from nflows_heritage.views.arrays import Colours, InMemory
from nflows_heritage.views.mosaic import mosaic
from nflows_heritage.views.reduced import reduced

__all__ = ["Colours", "InMemory", "mosaic", "reduced"]
