"""How a good picture becomes a bad one."""

from nflows_sr.degradations.bicubic import Pixels, imresize, resize_bicubic

__all__ = ["Pixels", "imresize", "resize_bicubic"]
