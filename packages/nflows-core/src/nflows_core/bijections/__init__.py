"""Invertible layers with exact inverses and log-determinants."""

from nflows_core.bijections.actnorm import ActNorm
from nflows_core.bijections.additive_coupling import AdditiveCoupling, ConditionalShift
from nflows_core.bijections.base import Bijection, Composition
from nflows_core.bijections.context import ContextLinear, ContextNetwork
from nflows_core.bijections.context_affine import ContextAffine
from nflows_core.bijections.conv1x1 import Conv1x1
from nflows_core.bijections.coupling import AffineCoupling, ConditionalAffine
from nflows_core.bijections.finc_unit import FInCUnit
from nflows_core.bijections.invertible_conv import InverseConv2d, InvertibleConv2d
from nflows_core.bijections.logit import Logit
from nflows_core.bijections.permutation import Permutation
from nflows_core.bijections.pointwise_network import PointwiseNetwork
from nflows_core.bijections.quad_coupling import QuadCoupling
from nflows_core.bijections.spline import SplineActivation
from nflows_core.bijections.spline_coupling import SplineCoupling
from nflows_core.bijections.split import Split
from nflows_core.bijections.squeeze import Squeeze

__all__ = [
    "ActNorm",
    "AdditiveCoupling",
    "AffineCoupling",
    "Bijection",
    "Composition",
    "ConditionalAffine",
    "ConditionalShift",
    "ContextAffine",
    "ContextLinear",
    "ContextNetwork",
    "Conv1x1",
    "FInCUnit",
    "InverseConv2d",
    "InvertibleConv2d",
    "Logit",
    "Permutation",
    "PointwiseNetwork",
    "QuadCoupling",
    "SplineActivation",
    "SplineCoupling",
    "Split",
    "Squeeze",
]
