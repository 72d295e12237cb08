"""What a training lowers, beside the plain distance of pixels."""

from nflows_sr.losses.adversarial import PatchDiscriminator, adaptive_weight

__all__ = [
    "PatchDiscriminator",
    "adaptive_weight",
]
