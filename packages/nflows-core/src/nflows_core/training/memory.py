"""What to do where a training runs out of memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nflows_core.runtime.memory import is_out_of_memory
from nflows_core.training.config import EngineConfig, TrainingConfig


@contextmanager
def memory_advice(config: EngineConfig) -> Iterator[None]:
    """Turns an error of torch or NumPy that memory ran out into a MemoryError that says which settings need less."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        reversible = isinstance(config, TrainingConfig) and not config.reversible
        raise MemoryError(
            f"out of memory with a batch_size of {config.batch_size}: lower it and raise accumulation_steps as much, "
            f"so that updates stay the same{'; or set reversible, and activations are not kept' if reversible else ''}"
        ) from error
