"""How a good picture becomes a bad one.

The stages are functions of an image and a generator, to be used alone as well.
"""

from nflows_sr.degradations.bicubic import Pixels, imresize, resize_bicubic
from nflows_sr.degradations.jpeg import jpeg
from nflows_sr.degradations.kernels import blur, gaussian_kernel, sinc_kernel
from nflows_sr.degradations.noise import gaussian_noise, poisson_noise
from nflows_sr.degradations.real import FIRST, SECOND, Stage, degrade_real, draw_kernel

__all__ = [
    "FIRST",
    "SECOND",
    "Pixels",
    "Stage",
    "blur",
    "degrade_real",
    "draw_kernel",
    "gaussian_kernel",
    "gaussian_noise",
    "imresize",
    "jpeg",
    "poisson_noise",
    "resize_bicubic",
    "sinc_kernel",
]
