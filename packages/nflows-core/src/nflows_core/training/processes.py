"""The processes of one training: those that ``torchrun`` or ``accelerate launch`` started, or this one alone."""

from __future__ import annotations

import atexit
import time
from functools import cache

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env

_LAST_DROP_SECONDS = 0.2
"""A guess: some turns of a processor that several processes share."""


def on_cpu() -> bool:
    """Whether training runs on the CPU: it is asked for, or there is nothing else."""
    return parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()


def processes() -> PartialState:
    """All processes and this one's place; the first call connects them until this one ends.

    Accelerate alone would take the processes that ``torchrun`` starts on a machine without a GPU for as many trainings.
    """
    _disconnect_at_exit()
    return PartialState(cpu=on_cpu())


@cache
def _disconnect_at_exit() -> None:
    atexit.register(_disconnect)


def raise_together(error: Exception | None) -> None:
    """Raises the error that any of the processes has in all of them, so that none waits for another."""
    errors: list[Exception | None] = gather_object([error])
    if first := next(filter(None, errors), None):
        raise first


def _disconnect() -> None:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    torch.distributed.destroy_process_group()
    # DistributedDataParallel keeps the threads of the connection alive, and now and then a process that ended beside
    # them was aborted, its work done. Likely one still had to drop a tensor of the last exchange, for which it needs
    # the interpreter; asleep, this thread lets it.
    time.sleep(_LAST_DROP_SECONDS)
