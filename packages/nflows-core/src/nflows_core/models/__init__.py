"""The presets: flows of the literature, ready to be trained, and the names by which everything finds them."""

from nflows_core.models.building import MODELS, ModelError, argument_names, build, check_model, defaults, describe
from nflows_core.models.choice import ModelChoice
from nflows_core.models.feature_flow import FeatureFlow
from nflows_core.models.multi_scale import MultiScaleFlow
from nflows_core.models.presets import CInCFlow, FInCFlow, Glow, InverseFlow, PlanarStack

__all__ = [
    "MODELS",
    "CInCFlow",
    "FInCFlow",
    "FeatureFlow",
    "Glow",
    "InverseFlow",
    "ModelChoice",
    "ModelError",
    "MultiScaleFlow",
    "PlanarStack",
    "argument_names",
    "build",
    "check_model",
    "defaults",
    "describe",
]
