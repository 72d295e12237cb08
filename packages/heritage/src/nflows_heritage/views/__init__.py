"""What of a picture of any size a network is shown: its rows."""

from nflows_heritage.views.arrays import Colours, InMemory

__all__ = ["Colours", "InMemory"]
