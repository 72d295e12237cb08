"""One instance of every bijection, for all who check what bijections promise: our tests and the external judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nflows_core.bijections import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    Bijection,
    Composition,
    ConditionalShift,
    ContextAffine,
    Conv1x1,
    FInCUnit,
    InverseConv2d,
    InvertibleConv2d,
    Logit,
    Permutation,
    PointwiseNetwork,
    QuadCoupling,
    SplineActivation,
    SplineCoupling,
    Split,
    Squeeze,
)
from nflows_core.bijections.baselines import (
    ConvExponential,
    EmergingConv2d,
    MaCowConv2d,
    MaCowUnit,
    PeriodicConv2d,
    SelfNormalizingConv2d,
    WoodburyConv2d,
)

CONTEXT = 3


class Case(NamedTuple):
    make: Callable[[], Bijection]
    context_features: int = 0
    map_size: tuple[int, ...] = ()
    """Height and width of a context that is a map."""


def chain() -> Bijection:
    shape = (4, 2, 3)
    step = [ActNorm(shape), Conv1x1(shape), AffineCoupling(shape, width=8), SplineActivation(shape, tail=3.0)]
    return Composition([Squeeze((1, 4, 6)), *step, InverseConv2d(shape), Split(shape)])


CASES = {
    "actnorm": Case(lambda: ActNorm((3, 4, 5))),
    "conv1x1": Case(lambda: Conv1x1((5, 2, 3))),
    "conv1x1-one-channel": Case(lambda: Conv1x1((1, 2, 3))),
    "invertible-conv": Case(lambda: InvertibleConv2d((3, 4, 5))),
    "invertible-conv-corners": Case(
        lambda: InvertibleConv2d((4, 4, 3), kernel_size=2, corner=("tl", "tr", "bl", "br"))
    ),
    "inverse-conv": Case(lambda: InverseConv2d((3, 4, 5))),
    "inverse-conv-corner": Case(lambda: InverseConv2d((2, 3, 5), kernel_size=2, corner="br")),
    "inverse-conv-bounded": Case(lambda: InverseConv2d((3, 4, 5), max_amplification=2.0)),
    "finc-unit": Case(lambda: FInCUnit((4, 3, 5))),
    "finc-unit-rest": Case(lambda: FInCUnit((7, 3, 4), kernel_size=2)),
    "finc-unit-two-channels": Case(lambda: FInCUnit((2, 3, 4), max_amplification=3.0)),
    "coupling": Case(lambda: AffineCoupling((5, 3, 4), width=8)),
    "coupling-two-channels": Case(lambda: AffineCoupling((2, 3, 4), width=8)),
    "coupling-context": Case(lambda: AffineCoupling((3, 3, 4), width=8, context_features=CONTEXT), CONTEXT),
    "additive-coupling": Case(lambda: AdditiveCoupling((5, 3, 4), width=8)),
    "additive-coupling-context": Case(lambda: AdditiveCoupling((3, 3, 4), width=8, context_features=CONTEXT), CONTEXT),
    "shift-of-vectors": Case(lambda: ConditionalShift((5, 1, 1), 3, PointwiseNetwork(3, 2, width=8))),
    "spline-coupling": Case(lambda: SplineCoupling((5, 3, 4), width=8, bins=4, tail=2.0)),
    "spline-coupling-context": Case(lambda: SplineCoupling((3, 3, 4), width=8, context_features=CONTEXT), CONTEXT),
    "context-affine": Case(lambda: ContextAffine((3, 3, 4), context_features=CONTEXT), CONTEXT),
    "quad-coupling": Case(lambda: QuadCoupling((6, 3, 2), width=4)),
    "quad-coupling-context": Case(lambda: QuadCoupling((4, 3, 2), width=4, context_features=CONTEXT), CONTEXT),
    "coupling-map": Case(lambda: AffineCoupling((3, 3, 4), width=8, context_features=CONTEXT), CONTEXT, (3, 4)),
    "additive-coupling-map": Case(
        lambda: AdditiveCoupling((3, 3, 4), width=8, context_features=CONTEXT), CONTEXT, (6, 8)
    ),
    "spline-coupling-map": Case(lambda: SplineCoupling((3, 2, 4), width=8, context_features=CONTEXT), CONTEXT, (1, 2)),
    "context-affine-map": Case(lambda: ContextAffine((3, 3, 4), context_features=CONTEXT), CONTEXT, (9, 4)),
    "quad-coupling-map": Case(lambda: QuadCoupling((4, 3, 2), width=4, context_features=CONTEXT), CONTEXT, (2, 5)),
    "split": Case(lambda: Split((5, 3, 4))),
    "split-context": Case(lambda: Split((4, 3, 4), context_features=CONTEXT), CONTEXT),
    "split-map": Case(lambda: Split((4, 3, 4), context_features=CONTEXT), CONTEXT, (6, 2)),
    "logit": Case(lambda: Logit((2, 3, 4), alpha=0.05)),
    "spline": Case(lambda: SplineActivation((3, 4, 5), bins=4, tail=3.0)),
    "spline-two-bins": Case(lambda: SplineActivation((2, 4, 3), bins=2, tail=2.0)),
    "permutation": Case(lambda: Permutation((4, 2, 3), order=(2, 0, 3, 1))),
    "squeeze": Case(lambda: Squeeze((3, 4, 6))),
    "composition": Case(chain),
    "emerging": Case(lambda: EmergingConv2d((3, 4, 5))),
    "exponential": Case(lambda: ConvExponential((2, 4, 3))),
    "macow": Case(lambda: MaCowUnit((2, 4, 3))),
    "macow-left": Case(lambda: MaCowConv2d((3, 2, 4), direction="left")),
    "periodic": Case(lambda: PeriodicConv2d((2, 4, 5))),
    "periodic-small": Case(lambda: PeriodicConv2d((3, 1, 2))),
    "woodbury": Case(lambda: WoodburyConv2d((4, 3, 5), rank=2)),
}
APPROXIMATE_CASES = {"self-normalizing": Case(lambda: SelfNormalizingConv2d((2, 4, 3)))}
"""Bijections whose inverse, and the gradient of whose log-determinant, are learned; the rest holds for them too."""


def perturbed(case: Case, dtype: torch.dtype = torch.float64) -> tuple[Bijection, Tensor, Tensor, Tensor | None]:
    """A bijection away from where it starts, images, latents, and the context if it takes one."""
    bijection = case.make().to(dtype)
    x = torch.rand(4, *bijection.shape, dtype=dtype)
    if not isinstance(bijection, Logit):
        x = 6 * x - 3
    size = (4, case.context_features, *case.map_size)
    context = torch.randn(size, dtype=dtype) if case.context_features else None
    bijection.initialize(x, context)
    with torch.no_grad():
        for parameter in bijection.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.15)
    return bijection, x, torch.randn(4, *bijection.output_shape, dtype=dtype), context
