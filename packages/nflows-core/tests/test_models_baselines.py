"""What only the presets of other papers have."""

from __future__ import annotations

import pytest
import torch

from nflows_core.models.baselines import BASELINES


def test_self_normalizing_flow_reconstructs_better_when_trained() -> None:
    torch.manual_seed(0)
    flow = BASELINES["self-normalizing"]((1, 4, 4), levels=1, depth=1, width=4)
    x = torch.rand(64, *flow.shape)
    flow.initialize(x)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    optimizer = torch.optim.Adam(flow.parameters(), lr=3e-3)
    errors = []
    for _ in range(60):
        with torch.no_grad():
            errors.append((flow.decode(flow.encode(x)) - x).abs().max().item())
        optimizer.zero_grad()
        (-flow.log_prob(x)).mean().backward()
        optimizer.step()
    assert errors[-1] < errors[0] / 4


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "woodbury"])
def test_larger_kernels_have_more_parameters(name: str) -> None:
    sizes = [sum(p.numel() for p in BASELINES[name]((1, 4, 4), depth=1, kernel_size=k).parameters()) for k in (1, 3, 5)]
    assert sizes == sorted(set(sizes))
