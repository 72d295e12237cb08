r"""The bound on the amplification that needs nothing but the kernel."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from invconv import geometry


def bound(weight: Any, corners: tuple[str, ...], namespace: ModuleType) -> Any:
    r"""The largest :math:`\|K_0^{-1}\|_\infty / (1 - s)` of all groups, infinity where :math:`s \ge 1`."""
    bounds = []
    for block, corner in zip(weight.reshape(len(corners), -1, *weight.shape[1:]), corners, strict=True):
        taps = namespace.flip(block, geometry.turned_axes(corner))
        inverse = namespace.linalg.inv(taps[..., 0, 0])
        folded = namespace.einsum("cd,dej->cej", inverse, taps.reshape(*taps.shape[:2], -1)[..., 1:])
        s = abs(folded).sum((1, 2)).max()
        norm = abs(inverse).sum(1).max()
        bounds.append(norm / (1 - s) if s < 1 else norm * float("inf"))
    return max(bounds)
