"""What commands that train share, in every package: progress, and settings that a resumed run keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.progress import progress

if TYPE_CHECKING:
    from nflows_core.training import StepMetrics
    from nflows_core.training.loop import Progress


@contextmanager
def epochs_shown(total: int, describe: Callable[[StepMetrics], str]) -> Iterator[Progress]:
    """A bar of epochs on a terminal, a line for each elsewhere; of several processes, the main one shows it.

    Arguments:
        total: The epochs of the run.
        describe: A few words on the losses of an update.
    """
    shown = progress("epochs", total) if is_main_process() else nullcontext(lambda message: None)
    with shown as advance:

        def update(metrics: StepMetrics, total_steps: int) -> None:
            if metrics.step * total % total_steps == 0:
                advance(f"{describe(metrics)}, {metrics.seconds:.0f} s")

        yield update


def is_main_process() -> bool:
    """Whether this process speaks for all that train together."""
    from nflows_core.training.processes import processes

    return bool(processes().is_main_process)


def refuse_changed(stored: Mapping[str, Any], chosen: Mapping[str, Any]) -> None:
    """Refuses settings that were typed and are not those of the run to resume: they would be ignored.

    Arguments:
        stored: The settings of the run.
        chosen: What the value of ``--model`` says: the model, and its arguments.

    Raises:
        CommandError: One differs, or the run is to begin again at the same time.
    """
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    typed = {name: value for name, value in context.params.items() if context.get_parameter_source(name) is source}
    if "model" in typed:
        typed |= chosen
    for name, value in typed.items():
        if name in stored and stored[name] != value:
            option = name.replace("_", "-")
            raise CommandError(f"--{option} is {value}, but the run to resume has {stored[name]}; leave the option out")
    if context.params["overwrite"]:
        raise CommandError("--resume goes on with a run, --overwrite begins it again: give one of them")
