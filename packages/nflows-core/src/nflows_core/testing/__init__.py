"""What the tests of every package share. Only tests import this module: pytest is no dependency of the package.

A package's `conftest.py` imports the fixtures that its tests use::

    from nflows_core.testing import data_folder

Bijections of your own are checked by `check_second_derivatives`, `check_transforms` and `check_magnitudes`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
import torch

from nflows_core.runtime.cli import run
from nflows_core.testing.derivatives import check_second_derivatives, check_transforms
from nflows_core.testing.magnitudes import MAGNITUDES, check_magnitudes

__all__ = [
    "MAGNITUDES",
    "call_command",
    "check_magnitudes",
    "check_second_derivatives",
    "check_transforms",
    "data_folder",
    "kill_at_call",
    "one_thread",
]


@pytest.fixture(scope="session")
def data_folder(pytestconfig: pytest.Config) -> Path:
    """The folder of real data: that named by NFLOWS_DATA, or shared/data beside the repository."""
    folder = Path(os.environ.get("NFLOWS_DATA", pytestconfig.rootpath.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; name its folder by NFLOWS_DATA")
    return folder


def call_command(command: click.Command, *arguments: object) -> int:
    """The exit code of a command that is run in this process, with the arguments as a terminal would give them."""
    return run(command, [str(argument) for argument in arguments])


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums of torch in one order, whatever the machine: a context for a fixture, and a decorator for a test."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_KILLED_AT_CALL = """
import importlib, os, runpy, signal, sys

place, left, program = sys.argv[1], int(sys.argv[2]), sys.argv[3]
module, name = place.rsplit(".", 1)
owner = importlib.import_module(module)
function = getattr(owner, name)

def kill_or_go_on(*arguments, **keywords):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*arguments, **keywords)

setattr(owner, name, kill_or_go_on)
sys.argv = [program, *sys.argv[4:]]
runpy.run_module(program, run_name="__main__", alter_sys=True)
"""


def kill_at_call(function: str, number: int, program: str, *arguments: object) -> None:
    """Runs ``python -m program arguments`` in a process that kills itself when it is about to call a function.

    The same moment in every run, unlike a kill from outside.

    Args:
        function: Module and name of the function, such as ``os.replace``, by which files get their final names.
        number: At which call of it, counted from one.
        program: A module to run as a program.
        arguments: What follows it on the command line.

    Raises:
        AssertionError: If the program ends before.
    """
    words = [function, number, program, *arguments]
    command = [sys.executable, "-c", _KILLED_AT_CALL, *(str(word) for word in words)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, f"ended before the call, with {ended.returncode}: {ended.stderr}"
