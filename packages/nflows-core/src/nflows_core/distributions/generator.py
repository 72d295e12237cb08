"""Noise of a seed."""

from __future__ import annotations

import torch

_SEEDS = 2**64


def check_seed(seed: int) -> None:
    """Raises a ValueError for a seed that torch's generators do not take."""
    if not 0 <= seed < _SEEDS:
        raise ValueError(f"seed must be from 0 to 2^64 - 1, got {seed}")


def seeded_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on a device that starts from a seed."""
    check_seed(seed)
    return torch.Generator(device).manual_seed(seed)
