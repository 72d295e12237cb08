"""What a training lowers, beside the plain distance of pixels."""

from nflows_sr.losses.adversarial import PatchDiscriminator, adaptive_weight, hinge_loss
from nflows_sr.losses.perceptual import VGG16, Perceptual, PerceptualDistance, build_perceptual, untrained_lpips

__all__ = [
    "VGG16",
    "PatchDiscriminator",
    "Perceptual",
    "PerceptualDistance",
    "adaptive_weight",
    "build_perceptual",
    "hinge_loss",
    "untrained_lpips",
]
