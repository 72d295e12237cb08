"""Crops of no class that was trained: how likely a flow finds their features."""

from nflows_agri.unknown.density import FeatureDensity
from nflows_agri.unknown.features import SIDE, frozen_features
from nflows_agri.unknown.scorer import FALSE_ALARMS, UNKNOWN_FILE, Unknown, fit, load

__all__ = [
    "FALSE_ALARMS",
    "SIDE",
    "UNKNOWN_FILE",
    "FeatureDensity",
    "Unknown",
    "fit",
    "frozen_features",
    "load",
]
