"""Detectors, each chosen by its name."""

from nflows_privacy.detection.base import Detector, Look, NamedDetector
from nflows_privacy.detection.choice import kinds_for, load_detector, names, names_for, resolve, weights_of
from nflows_privacy.detection.joined import distinct
from nflows_privacy.detection.settings import DetectorSettings

__all__ = [
    "Detector",
    "DetectorSettings",
    "Look",
    "NamedDetector",
    "distinct",
    "kinds_for",
    "load_detector",
    "names",
    "names_for",
    "resolve",
    "weights_of",
]
