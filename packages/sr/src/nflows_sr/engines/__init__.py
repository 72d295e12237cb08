"""What enlarges a tile: bicubic, our networks, and the models of others, chosen by a name or a path."""

from nflows_sr.engines.base import Engine, EngineSettings, PictureEngine
from nflows_sr.engines.bicubic import Bicubic
from nflows_sr.engines.choice import is_flow, load_engine, resolve, weights_of
from nflows_sr.engines.network import NetworkEngine

__all__ = [
    "Bicubic",
    "Engine",
    "EngineSettings",
    "NetworkEngine",
    "PictureEngine",
    "is_flow",
    "load_engine",
    "resolve",
    "weights_of",
]
