"""The processes of one training: those that ``torchrun`` or ``accelerate launch`` started, or this one alone."""

from __future__ import annotations

import atexit
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env

from nflows_core.runtime.lock import locked

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


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keeps other trainings out of a folder, which is made if it is missing; see `locked`.

    Of several processes, the main one holds it for all of them.

    Raises:
        FolderInUseError: Another training writes there.
        OSError: It cannot be written.
    """
    with ExitStack() as stack:
        raise_together(_try_to_hold(stack, folder) if processes().is_main_process else None)
        yield


def _try_to_hold(stack: ExitStack, folder: Path) -> Exception | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(locked(folder))
    except OSError as error:
        return error
    return None


def _disconnect() -> None:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    torch.distributed.destroy_process_group()
    # DistributedDataParallel keeps the threads of the connection alive, and now and then a process that ended beside
    # them was aborted, its work done. Likely one still had to drop a tensor of the last exchange, for which it needs
    # the interpreter; asleep, this thread lets it.
    time.sleep(_LAST_DROP_SECONDS)
