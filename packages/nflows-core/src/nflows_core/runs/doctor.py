"""Whether an installation works."""

from __future__ import annotations

from typing import Any

import torch

import invconv
from nflows_core.models import InverseFlow
from nflows_core.runtime.report import machine, versions

TOLERANCE = 1e-4


def examine() -> dict[str, Any]:
    """Versions, solvers, devices, and the error of one exact inverse on every device."""
    devices = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    errors = {device: _reconstruction_error(torch.device(device)) for device in devices}
    return {
        "inverse_is_exact": all(error < TOLERANCE for error in errors.values()),
        "max_reconstruction_error": max(errors.values()),
        "devices": devices,
        "torch_threads": torch.get_num_threads(),
        **{f"invconv_{method}": backend for method, backend in invconv.backends().items()},
        "versions": versions(),
        "machine": machine(),
    }


@torch.no_grad()
def _reconstruction_error(device: torch.device) -> float:
    generator = torch.Generator().manual_seed(0)
    flow = InverseFlow((3, 16, 16)).to(device).eval()
    x = torch.rand(8, 3, 16, 16, generator=generator).to(device)
    flow.initialize(x)
    return (flow.decode(flow.encode(x)) - x).abs().max().item()
