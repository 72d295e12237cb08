"""How good a picture is, as the field states it: on the luma, without a border as wide as the scale."""

from nflows_sr.metrics.fidelity import psnr, ssim
from nflows_sr.metrics.luma import luma

__all__ = ["luma", "psnr", "ssim"]
