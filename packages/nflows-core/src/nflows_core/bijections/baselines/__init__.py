"""Layers of other papers that take the place of our k x k convolutions, for comparison tables.

Each is exact, but for `SelfNormalizingConv2d`, whose inverse is learned.
"""

from nflows_core.bijections.baselines.emerging import EmergingConv2d
from nflows_core.bijections.baselines.exponential import ConvExponential
from nflows_core.bijections.baselines.macow import MaCowConv2d, MaCowUnit
from nflows_core.bijections.baselines.periodic import PeriodicConv2d
from nflows_core.bijections.baselines.self_normalizing import SelfNormalizingConv2d
from nflows_core.bijections.baselines.woodbury import WoodburyConv2d

__all__ = [
    "ConvExponential",
    "EmergingConv2d",
    "MaCowConv2d",
    "MaCowUnit",
    "PeriodicConv2d",
    "SelfNormalizingConv2d",
    "WoodburyConv2d",
]
