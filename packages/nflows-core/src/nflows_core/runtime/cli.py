"""The conventions that every command keeps: exit codes, errors in a line or two, JSON alone on standard output.

Nothing heavy is imported here, so that ``nflows --help`` answers at once; commands import torch and the like inside
their functions.

Example:
    >>> import click
    >>> @click.group(cls=Application)
    ... def nflows() -> None:
    ...     "Image flows."
    >>> @nflows.command()
    ... @json_option
    ... def answer() -> None:
    ...     print_report({"answer": 42})
    >>> run(nflows, ["answer", "--json"])
    {
      "answer": 42
    }
    <ExitCode.DONE: 0>
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import Any, TextIO

import click

from nflows_core.runtime.errors import CommandError, ExitCode, Terminated, explain
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.memory import is_out_of_memory
from nflows_core.runtime.report import report_json
from nflows_core.runtime.terminal import echo

ENTRY_POINTS = "nflows.commands"
"""The entry-point group by which an installed package adds a command or a group of them."""
_IN_MEMORY = 2**20
"""Bytes of a report; beyond, it goes to a temporary file before it is printed."""


@dataclass
class Invocation:
    """How the program was asked to behave this time."""

    debug: bool = False
    json: bool = False
    stdout: TextIO = field(default_factory=lambda: sys.stdout)


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    setattr(context.ensure_object(Invocation), str(parameter.name), value)


json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Print report.json, and nothing else, on standard output; nothing where the exit code is 2 or 3.",
)
"""Gives a command the flag ``--json``; it prints its report by `print_report`, and the rest as ever."""

_debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_remember, help="Show the traceback of an error."
)


class Command(click.Command):
    """A command with ``--debug`` whose output goes to standard error under ``--json``.

    Libraries name arguments in their errors, as `` `align` ``; the command shows its own options for them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _debug_option(self)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _refuse_files_like_options(ctx, self, args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        quiet = redirect_stdout(sys.stderr) if ctx.ensure_object(Invocation).json else nullcontext()
        with quiet:
            try:
                return super().invoke(ctx)
            except (ValueError, CommandError) as error:
                error.args = (self.message(error), *error.args[1:])
                raise
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                raise CommandError(self.out_of_memory(error), ExitCode.FAILED) from error

    def message(self, error: Exception) -> str:
        """What is said about an error of a library: the same, with this command's own words for arguments."""
        options = {one.name: one.human_readable_name for one in self.params if isinstance(one, click.Argument)}
        options |= {one.name: max(one.opts, key=len) for one in self.params if isinstance(one, click.Option)}
        return re.sub(r"`(\w+)`", lambda name: options.get(name[1], name[0]), str(error))

    def out_of_memory(self, error: Exception) -> str:
        """What is said where memory ran out: which of the command's own options need less."""
        said = str(error).partition("\n")[0][:200]
        helps = {"batch_size": "a lower --batch-size", "reversible": "--reversible", "memory": "a lower --memory"}
        names = [one.name for one in self.params]
        options = [text for name, text in helps.items() if name in names] or ["smaller images"]
        advice = f"give {' or '.join(options)}, or take a machine that has more"
        return said if said.startswith("out of memory at") else f"out of memory{f' ({said})' if said else ''}: {advice}"


def _refuse_files_like_options(ctx: click.Context, command: click.Command, args: Sequence[str]) -> None:
    """A file called ``-old.png`` would be taken for options, and ``-old`` even for an output."""
    own = {option for one in command.get_params(ctx) for option in (*one.opts, *one.secondary_opts)}
    words = args[: args.index("--")] if "--" in args else args
    for word in words:
        if word.startswith("-") and word != "-" and word not in own and os.path.lexists(word):
            raise click.UsageError(f"{word} is a file here, but would be taken for an option: write ./{word}", ctx)


class CommandGroup(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class: type[click.Group] | type[type] | None = type


class Application(CommandGroup):
    """The top group, with the commands that installed packages add; each is imported when it is needed."""

    group_class = CommandGroup

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *entry_points(group=ENTRY_POINTS).names})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        added = entry_points(group=ENTRY_POINTS, name=cmd_name)
        return _load(next(iter(added))) if own is None and added else own


def _load(entry_point: EntryPoint) -> click.Command:
    try:
        command: click.Command = entry_point.load()
    except (ImportError, AttributeError) as error:
        # One broken package must not take the help of all others away.
        return _unusable(entry_point.name, f"{entry_point.value} cannot be imported: {error}")
    return command


def _unusable(name: str, problem: str) -> click.Command:
    def fail() -> None:
        raise CommandError(f"{name} is broken: {problem}; install its package again", ExitCode.FAILED)

    return Command(name, callback=fail, help=f"Broken: {problem}")


def print_report(report: Mapping[str, Any]) -> None:
    """Prints a report on standard output if ``--json`` was given, whole or not at all.

    Raises:
        ValueError: A number is not finite.
        TypeError: A value is of no type that JSON has.
    """
    invocation = click.get_current_context().ensure_object(Invocation)
    if not invocation.json:
        return
    # Of a batch it may be larger than memory.
    with SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="") as text:
        text.writelines(report_json(report))
        text.seek(0)
        copyfileobj(text, invocation.stdout)


def run(application: click.Command, arguments: Sequence[str] | None = None, program: str = "nflows") -> int:
    """Runs the command that the arguments ask for, and turns every error into a message on standard error.

    Arguments:
        application: The group of all commands.
        arguments: The words after the program's name; those of the command line if not given.
        program: The program's name, as usage and errors say it.

    Returns:
        The exit code: what the command returned, or what its error says; see `ExitCode`.
    """
    invocation = Invocation()
    try:
        with _plain_warnings(), _ended_by_signals():
            result = application.main(arguments, program, standalone_mode=False, obj=invocation)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except (Exception, KeyboardInterrupt, Terminated) as error:
        if invocation.debug:
            echo(traceback.format_exc().rstrip(), err=True)
        message, exit_code = explain(error)
        echo(f"{program}: error: {_speaker()}{message}", err=True)
        return exit_code
    return result if isinstance(result, int) else ExitCode.DONE


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end a command as Ctrl-C does, so that it takes away what it has half written.

    Of several processes that train together none may leave alone: there the training itself asks all of them.
    """
    is_alone = os.environ.get("WORLD_SIZE", "1") == "1"
    if not is_alone or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one does not wait
        raise Terminated(number)

    ending = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    free = [number for number in ending if signal.getsignal(number) is signal.SIG_DFL]
    for number in free:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in free:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Shows a warning as errors are shown: where in the code it was raised helps nobody on a command line."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"nflows: warning: {_speaker()}{visible(message)}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def _speaker() -> str:
    """Which of several processes speaks, as ``torchrun`` numbers them; what one alone met must be heard too."""
    rank = os.environ.get("RANK", "0")
    return "" if rank == "0" else f"process {rank}: "
