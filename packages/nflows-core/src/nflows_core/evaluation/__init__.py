"""How good a flow is: bits per dimension, exactness, speed, and pictures to judge by eye."""

from nflows_core.evaluation.baseline import gaussian_bits_per_dim
from nflows_core.evaluation.grids import ReconstructionGrid, image_grid, reconstruction_grid
from nflows_core.evaluation.metrics import (
    TIMED_IMAGES,
    BitsPerDim,
    bits_per_dim,
    forward_time,
    parameters,
    reconstruction_error,
    sampling_time,
)

__all__ = [
    "TIMED_IMAGES",
    "BitsPerDim",
    "ReconstructionGrid",
    "bits_per_dim",
    "forward_time",
    "gaussian_bits_per_dim",
    "image_grid",
    "parameters",
    "reconstruction_error",
    "reconstruction_grid",
    "sampling_time",
]
