"""Reading of images: folders, tar archives, IDX, arrays, labelled files, and the embedded demo set."""

from nflows_core.data.grouped_split import folds, grouped_split
from nflows_core.data.images import DataError, Images
from nflows_core.data.labelled import LabelledFile, LabelledFiles, read_labelled, write_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.data.read import read_images
from nflows_core.data.split import SplitName

__all__ = [
    "DataError",
    "Images",
    "LabelledFile",
    "LabelledFiles",
    "SplitName",
    "folds",
    "grouped_split",
    "images_of",
    "read_images",
    "read_labelled",
    "write_labelled",
]
