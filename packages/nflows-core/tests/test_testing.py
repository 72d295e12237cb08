"""What the tests of every package lean on."""

from __future__ import annotations

import zipfile
from pathlib import Path

import click
import pytest
import torch

from nflows_core.runtime.cli import CommandGroup
from nflows_core.testing import call_command, kill_at_call, one_thread


def test_a_command_gets_its_arguments_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = CommandGroup("program")
    program.command("show")(click.argument("words", nargs=-1)(lambda words: click.echo(repr(words))))
    assert call_command(program, "show", tmp_path, 7) == 0
    assert capsys.readouterr().out == f"('{tmp_path}', '7')\n"


def test_a_process_dies_at_the_call_that_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    kill_at_call("os.mkdir", 2, "zipfile", "-e", archive(tmp_path), folder)
    assert folder.is_dir(), "the first call went through"
    assert not (folder / "a").exists()


def test_a_program_that_ends_before_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended before the call, with 0"):
        kill_at_call("os.mkdir", 100, "zipfile", "-l", archive(tmp_path))


def archive(folder: Path) -> Path:
    """A zip file with a/b/c.txt."""
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/b/c.txt", "c")
    return path


def test_one_thread_is_for_a_while_only() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
