"""Picture files in and out: the pixels of 8 or 16 bits, upright, and all that a file says about them."""

from nflows_core.runtime.images.checking import PolicyError
from nflows_core.runtime.images.metadata import POLICIES, Metadata, Policy
from nflows_core.runtime.images.picture import Picture, PictureError, blank_pixels
from nflows_core.runtime.images.picture_file import PictureFile
from nflows_core.runtime.images.reading import decode_picture, read_picture
from nflows_core.runtime.images.writing import write_picture

__all__ = [
    "POLICIES",
    "Metadata",
    "Picture",
    "PictureError",
    "PictureFile",
    "Policy",
    "PolicyError",
    "blank_pixels",
    "decode_picture",
    "read_picture",
    "write_picture",
]
