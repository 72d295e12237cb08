"""Reading of images: folders, tar archives, IDX, arrays, and the embedded demo set."""

from nflows_core.data.images import DataError, Images
from nflows_core.data.read import read_images
from nflows_core.data.split import SplitName

__all__ = ["DataError", "Images", "SplitName", "read_images"]
