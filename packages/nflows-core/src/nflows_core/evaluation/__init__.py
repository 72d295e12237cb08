"""How good a flow is: bits per dimension, exactness, speed, and pictures to judge by eye."""

from nflows_core.evaluation.baseline import gaussian_bits_per_dim
from nflows_core.evaluation.generated import (
    frechet_distance,
    kernel_distance,
    mean_distance,
    precision_recall,
    vendi_score,
)
from nflows_core.evaluation.grids import ReconstructionGrid, crossed_out, image_grid, reconstruction_grid
from nflows_core.evaluation.metrics import (
    BitsPerDim,
    bits_of_images,
    bits_per_dim,
    parameters,
    reconstruction_error,
    reconstruction_errors,
)
from nflows_core.evaluation.nearness import FEATURES, LEAST_PICTURES, Nearness, PictureFeatures, nearness
from nflows_core.evaluation.perceptual import (
    VGG16,
    Perceptual,
    PerceptualDistance,
    build_perceptual,
    untrained_lpips,
)
from nflows_core.evaluation.scores import log_probs
from nflows_core.evaluation.timing import TIMED_IMAGES, density, median_milliseconds, sampling, training

__all__ = [
    "FEATURES",
    "LEAST_PICTURES",
    "TIMED_IMAGES",
    "VGG16",
    "BitsPerDim",
    "Nearness",
    "Perceptual",
    "PerceptualDistance",
    "PictureFeatures",
    "ReconstructionGrid",
    "bits_of_images",
    "bits_per_dim",
    "build_perceptual",
    "crossed_out",
    "density",
    "frechet_distance",
    "gaussian_bits_per_dim",
    "image_grid",
    "kernel_distance",
    "log_probs",
    "mean_distance",
    "median_milliseconds",
    "nearness",
    "parameters",
    "precision_recall",
    "reconstruction_error",
    "reconstruction_errors",
    "reconstruction_grid",
    "sampling",
    "training",
    "untrained_lpips",
    "vendi_score",
]
