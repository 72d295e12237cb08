r"""The exact inverse of a k x k convolution, forward and backward.

A convolution that pads with zeros on two sides only, :math:`y = T x`, is a block triangular linear map, and solving it
for :math:`x` costs no more than applying it. NumPy arrays work without torch; torch tensors are differentiable.

    >>> import numpy as np, invconv
    >>> rng = np.random.default_rng(0)
    >>> weight = rng.normal(0, 0.1, (2, 2, 3, 3))
    >>> weight[:, :, -1, -1] = np.eye(2)
    >>> x = rng.normal(size=(4, 2, 8, 8))
    >>> y = invconv.conv2d(x, weight, corner="tl")
    >>> bool(np.allclose(invconv.inverse_conv2d(y, weight, corner="tl"), x))
    True
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from invconv.filters import lfilter, sosfilt
from invconv.functional import (
    METHODS,
    amplification,
    backends,
    choose_method,
    conv2d,
    impulse_response,
    inverse_conv2d,
    logabsdet,
)
from invconv.geometry import CORNERS
from invconv.one_dimension import conv1d, inverse_conv1d
from invconv.results import Amplification, Choice

if TYPE_CHECKING:
    from invconv import nn as nn

__version__ = "0.1.0"

__all__ = [
    "CORNERS",
    "METHODS",
    "Amplification",
    "Choice",
    "amplification",
    "backends",
    "choose_method",
    "conv1d",
    "conv2d",
    "impulse_response",
    "inverse_conv1d",
    "inverse_conv2d",
    "lfilter",
    "logabsdet",
    "sosfilt",
]


def __getattr__(name: str) -> ModuleType:
    """`invconv.nn` without an import of its own, for which torch is loaded only then."""
    if name == "nn":
        return import_module("invconv.nn")
    raise AttributeError(f"module 'invconv' has no attribute {name!r}")
