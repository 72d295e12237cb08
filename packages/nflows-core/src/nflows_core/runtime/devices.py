"""The device that a person names."""

from __future__ import annotations

import torch


def find_device(name: str) -> torch.device:
    """The device of this machine by torch's name for it; ``auto`` is its GPU, or else the CPU.

    Raises:
        ValueError: This machine has no such device.
    """
    gpu = torch.accelerator.current_accelerator(check_available=True)
    if name == "auto":
        return gpu or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"`device`: torch knows none called {name!r}; give auto, cpu or cuda") from error
    if device.type != "cpu" and (gpu is None or gpu.type != device.type):
        raise ValueError(f"`device`: this machine has no {name}; give auto or cpu")
    return device
