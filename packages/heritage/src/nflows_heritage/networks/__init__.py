"""The networks that restore, and that say something of each pixel."""

from nflows_heritage.networks.restorer import Restorer
from nflows_heritage.networks.small_unet import SmallUNet

__all__ = ["Restorer", "SmallUNet"]
