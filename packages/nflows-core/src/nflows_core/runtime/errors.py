"""What a command says about an error, and its exit code."""

from __future__ import annotations

import errno
import re
import signal
import sys
from collections.abc import Callable
from enum import IntEnum

import click

from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.memory import is_out_of_memory


class ExitCode(IntEnum):
    """What a command's exit code means."""

    DONE = 0
    FAILED = 1
    """Some inputs failed, or a check found what it looks for."""
    USAGE = 2
    """Wrong usage, or input that does not fit."""
    WEIGHTS = 3
    """Weights are missing."""
    INTERRUPTED = 130


class Terminated(SystemExit):
    """The process was told to end, by SIGTERM or SIGHUP; its exit code is that of the signal, 128 and its number.

    Arguments:
        number: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


class CommandError(Exception):
    """Ends a command with a message and an exit code.

    Arguments:
        message: One or two lines that say what is wrong, where, and what to do.
        exit_code: The exit code of the command.
    """

    def __init__(self, message: str, exit_code: int = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


_ADVICE = {
    errno.EACCES: "change its permissions or choose another place",
    errno.ENOENT: "check the path",
    errno.ENOSPC: "free some space or choose another place",
    errno.EROFS: "choose another place",
}
_PATH_ERRORS = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


def explain(error: BaseException) -> tuple[str, int]:
    """The message about an error, one or two lines, and the exit code."""
    # Click turns an interrupt, and the end of a file too, into its Abort.
    if isinstance(error, click.Abort) and error.__cause__ is not None:
        error = error.__cause__
    message, exit_code = _explain(error)
    return "\n".join(message.strip().splitlines()[:2]), exit_code


def run_script(main: Callable[[], None]) -> None:
    """Runs the main function of a script; of what a person can mend, the message alone is told, with its exit code."""
    try:
        main()
    except (ValueError, OSError, FloatingPointError) as error:
        message, code = explain(error)
        print(message, file=sys.stderr)
        sys.exit(code)


def _explain(error: BaseException) -> tuple[str, int]:
    match error:
        case CommandError():
            return str(error), error.exit_code
        case click.UsageError():
            return _usage(error), error.exit_code
        case click.ClickException():
            return error.format_message(), error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return "interrupted", ExitCode.INTERRUPTED
        case Terminated():
            return f"ended by {signal.Signals(error.number).name}", 128 + error.number
        case OSError() if error.strerror:
            return _system(error), ExitCode.USAGE if isinstance(error, _PATH_ERRORS) else ExitCode.FAILED
        case ValueError() | ModuleNotFoundError() if str(error):
            return str(error), ExitCode.USAGE
        case FloatingPointError() | MemoryError() if str(error) and type(error) in (FloatingPointError, MemoryError):
            return str(error), ExitCode.FAILED
    if isinstance(error, Exception) and is_out_of_memory(error):
        return _out_of_memory(error), ExitCode.FAILED
    return f"{type(error).__name__}{f': {error}' if str(error) else ''}; --debug shows where", ExitCode.FAILED


def _out_of_memory(error: BaseException) -> str:
    wanted = re.search(r"allocate [\d.,]+ ?\w+[^;.]*", str(error))
    amount = f": unable to {wanted[0]}" if wanted else ""
    return f"out of memory{amount}; take smaller or fewer inputs at once, or a machine with more memory"


def _usage(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx else "nflows"
    return f"{error.format_message()}\nTry '{command} --help'."


def _system(error: OSError) -> str:
    place = "" if error.filename is None else f"{visible(error.filename)}: "
    advice = _ADVICE.get(error.errno or 0)
    return f"{place}{error.strerror}{'' if advice is None else f'; {advice}'}"
