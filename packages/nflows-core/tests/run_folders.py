"""A run folder for tests that need one and no training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from nflows_core.data import read_images
from nflows_core.models import build
from nflows_core.runs import Run, save_run
from nflows_core.training import TrainingConfig


def untrained_run(folder: Path) -> Path:
    """A run on the digits whose flow is as it was initialized."""
    torch.manual_seed(0)
    arguments: dict[str, Any] = {"shape": (1, 8, 8), "levels": 1, "depth": 1, "width": 4, "quantization": 17}
    flow = build("glow", arguments)
    flow.initialize((read_images("digits", "train").pixels[:100] + 0.5) / 17)
    save_run(folder, Run("glow", arguments, "digits", None, tuple("0123456789"), TrainingConfig(epochs=1)), flow)
    return folder
