"""What is rare in a scene: scores by detectors, a list of places to look at, and a check by planted minerals."""

from nflows_geo.anomaly.detectors import DETECTORS, Detector
from nflows_geo.anomaly.pipeline import ANOMALIES_FILE, KIND, RESULTS, anomaly_scene
from nflows_geo.anomaly.planted_check import FRACTIONS, planted_check
from nflows_geo.anomaly.report import HOW_TO_READ
from nflows_geo.anomaly.scoring import AnomalyRecipe, LearnedDetector, learn_detector

__all__ = [
    "ANOMALIES_FILE",
    "DETECTORS",
    "FRACTIONS",
    "HOW_TO_READ",
    "KIND",
    "RESULTS",
    "AnomalyRecipe",
    "Detector",
    "LearnedDetector",
    "anomaly_scene",
    "learn_detector",
    "planted_check",
]
