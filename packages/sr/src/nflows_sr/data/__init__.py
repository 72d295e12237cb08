"""Pictures as pairs of small and large crops."""

from nflows_sr.data.crops import CropPairs, WholePairs, luma_channel, rgb_channels
from nflows_sr.data.pictures import Pictures, read_pictures

__all__ = ["CropPairs", "Pictures", "WholePairs", "luma_channel", "read_pictures", "rgb_channels"]
