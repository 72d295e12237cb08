"""Classifiers of pictures: features and a linear layer, ours or others', by name."""

from nflows_core.classifiers.building import FROZEN, LEAST_SIDE, OWN, build_classifier
from nflows_core.classifiers.classifier import (
    Classifier,
    as_unit,
    features_of,
    probabilities_of,
    sampled_probabilities,
)
from nflows_core.classifiers.efficientnet import EfficientNetLite0
from nflows_core.classifiers.frozen import FrozenBody

__all__ = [
    "FROZEN",
    "LEAST_SIDE",
    "OWN",
    "Classifier",
    "EfficientNetLite0",
    "FrozenBody",
    "as_unit",
    "build_classifier",
    "features_of",
    "probabilities_of",
    "sampled_probabilities",
]
