"""The processes of one training: those that ``torchrun`` or ``accelerate launch`` started, or this one alone."""

from __future__ import annotations

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env


def on_cpu() -> bool:
    """Whether training runs on the CPU: it is asked for, or there is nothing else."""
    return parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()


def processes() -> PartialState:
    """All processes and this one's place; the first call connects them.

    Accelerate alone would take the processes that ``torchrun`` starts on a machine without a GPU for as many trainings.
    """
    return PartialState(cpu=on_cpu())
