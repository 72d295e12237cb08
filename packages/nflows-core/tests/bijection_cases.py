"""One instance of every bijection, for all who check what bijections promise: our tests and the external judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nflows_core.bijections import (
    ActNorm,
    AffineCoupling,
    Bijection,
    Composition,
    ContextAffine,
    Conv1x1,
    InverseConv2d,
    InvertibleConv2d,
    Logit,
    QuadCoupling,
    SplineActivation,
    Split,
    Squeeze,
)

CONTEXT = 3


class Case(NamedTuple):
    make: Callable[[], Bijection]
    context_features: int = 0


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
    "coupling": Case(lambda: AffineCoupling((5, 3, 4), width=8)),
    "coupling-two-channels": Case(lambda: AffineCoupling((2, 3, 4), width=8)),
    "coupling-context": Case(lambda: AffineCoupling((3, 3, 4), width=8, context_features=CONTEXT), CONTEXT),
    "context-affine": Case(lambda: ContextAffine((3, 3, 4), context_features=CONTEXT), CONTEXT),
    "quad-coupling": Case(lambda: QuadCoupling((6, 3, 2), width=4)),
    "quad-coupling-context": Case(lambda: QuadCoupling((4, 3, 2), width=4, context_features=CONTEXT), CONTEXT),
    "split": Case(lambda: Split((5, 3, 4))),
    "split-context": Case(lambda: Split((4, 3, 4), context_features=CONTEXT), CONTEXT),
    "logit": Case(lambda: Logit((2, 3, 4), alpha=0.05)),
    "spline": Case(lambda: SplineActivation((3, 4, 5), bins=4, tail=3.0)),
    "spline-two-bins": Case(lambda: SplineActivation((2, 4, 3), bins=2, tail=2.0)),
    "squeeze": Case(lambda: Squeeze((3, 4, 6))),
    "composition": Case(chain),
}


def perturbed(case: Case, dtype: torch.dtype = torch.float64) -> tuple[Bijection, Tensor, Tensor, Tensor | None]:
    """A bijection away from where it starts, images, latents, and the context if it takes one."""
    bijection = case.make().to(dtype)
    x = torch.rand(4, *bijection.shape, dtype=dtype)
    if not isinstance(bijection, Logit):
        x = 6 * x - 3
    context = torch.randn(4, case.context_features, dtype=dtype) if case.context_features else None
    bijection.initialize(x, context)
    with torch.no_grad():
        for parameter in bijection.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.15)
    return bijection, x, torch.randn(4, *bijection.output_shape, dtype=dtype), context
