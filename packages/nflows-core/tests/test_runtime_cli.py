from __future__ import annotations

import errno
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import textwrap
import warnings
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import click
import pytest

from nflows_core.data import DataError
from nflows_core.runtime import cli
from nflows_core.runtime.cli import Application, Command, CommandGroup, json_option, print_report, run
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.progress import progress


def raising(error: BaseException) -> Application:
    """Commands with one, ``act``, that ends with ``error``."""

    def act() -> None:
        raise error

    return Application("nflows", commands={"act": Command("act", callback=act)})


# Errors and exit codes


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (ValueError("depth must be positive, got 0"), 2, "depth must be positive, got 0"),
        (DataError("x.png: not a picture; remove it"), 2, "x.png: not a picture; remove it"),
        (CommandError("no weights; put them at /w"), 2, "no weights; put them at /w"),
        (CommandError("no weights; put them at /w", ExitCode.WEIGHTS), 3, "no weights; put them at /w"),
        (CommandError("2 of 5 files failed", ExitCode.FAILED), 1, "2 of 5 files failed"),
        (OSError(errno.ENOSPC, "No space left on device", "/o"), 1, "/o: No space left on device; free some space"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "No space left on device; free some space"),
        (OSError(errno.EIO, "Input/output error", "/o"), 1, "/o: Input/output error"),
        (OSError(errno.EACCES, "Permission denied", "/o"), 2, "/o: Permission denied; change its permissions"),
        (OSError(errno.ENOENT, "No such file or directory", "/i"), 2, "/i: No such file or directory; check the path"),
        (MemoryError("out of memory at row 3"), 1, "out of memory at row 3"),
        (OSError("odd"), 1, "OSError: odd; --debug shows where"),
        (KeyError("name"), 1, "KeyError: 'name'; --debug shows where"),
        (EOFError("ended early"), 1, "EOFError: ended early; --debug shows where"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (click.ClickException("of click"), 1, "of click"),
    ],
)
def test_errors(error: BaseException, exit_code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(error), ["act"]) == exit_code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.strip().startswith(f"nflows: error: {message}")
    assert "Traceback" not in output.err


def test_an_error_has_two_lines_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    run(raising(ValueError("one\ntwo\nthree")), ["act"])
    assert capsys.readouterr().err == "nflows: error: one\ntwo\n"


def test_an_argument_that_a_library_names_is_shown_as_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    command = raising(ValueError("`depth` must be 1 or `more`; `other` is no option"))
    command.commands["act"].params.append(click.Option(["-d", "--depth"], expose_value=False))
    assert run(command, ["act"]) == 2
    assert capsys.readouterr().err == "nflows: error: --depth must be 1 or `more`; `other` is no option\n"


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(ValueError("wrong")), ["act", "--debug"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Traceback")
    assert error.endswith("ValueError: wrong\nnflows: error: wrong\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["act", "--nonsense"], "nflows: error: No such option:? '?--nonsense"),  # older clicks have the colon
        (["atc"], "nflows: error: No such command 'atc'"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(ValueError()), arguments) == 2
    error = capsys.readouterr().err
    assert re.match(message, error)
    assert len(error.splitlines()) == 2
    assert "--help" in error.splitlines()[1]


@pytest.mark.parametrize("name", ["-dash.png", "-order.png", "--json.png"])
def test_a_file_that_looks_like_an_option_is_told_how_to_write(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nflows, taken = Application("nflows"), []

    @nflows.command()
    @click.argument("path")
    @click.option("-o", "--output")
    @json_option
    def take(path: str, output: str | None) -> None:
        taken.append((path, output))

    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    Path("-o").touch()
    assert run(nflows, ["take", name, "-o", "out"]) == 2
    assert f"{name} is a file here, but would be taken for an option: write ./{name}\n" in capsys.readouterr().err
    assert run(nflows, ["take", f"./{name}", "-o", "out"]) == 0
    assert run(nflows, ["take", "-o", "out", "--", name]) == 0
    assert taken == [(f"./{name}", "out"), (name, "out")]


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(ValueError()), []) == 2
    assert "Usage: nflows" in capsys.readouterr().err


@pytest.mark.parametrize(("result", "exit_code"), [(None, 0), (ExitCode.FAILED, 1), ("text", 0)])
def test_the_result_of_a_command_is_its_exit_code(result: object, exit_code: int) -> None:
    application = Application("nflows", commands={"act": Command("act", callback=lambda: result)})
    assert run(application, ["act"]) == exit_code


def test_help_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(ValueError()), ["act", "--help"]) == 0
    assert "--debug" in capsys.readouterr().out


# --json


def reporting() -> Application:
    application = Application("nflows")

    @application.command()
    @json_option
    def act() -> None:
        print("for people")
        click.echo("for people, too")
        print_report({"b": 1.5, "a": "é"})

    return application


def test_json_stands_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(reporting(), ["act", "--json"]) == 0
    output = capsys.readouterr()
    assert output.out == '{\n  "a": "é",\n  "b": 1.5\n}\n'
    assert output.err == "for people\nfor people, too\n"


@pytest.mark.parametrize("code", [2, 3])
def test_an_error_leaves_standard_output_empty_under_json_and_the_help_says_so(
    code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command(cls=Command)
    @json_option
    def act() -> None:
        raise CommandError("there is nothing to act on", code)

    assert run(act, ["--json"]) == code
    assert capsys.readouterr() == ("", "nflows: error: there is nothing to act on\n")
    assert run(act, ["--help"]) == 0
    assert "nothing where the exit code is 2 or 3" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("bad", [math.inf, math.nan, {1.0}])
def test_a_report_that_is_no_json_is_not_begun(bad: object, capsys: pytest.CaptureFixture[str]) -> None:
    @click.command(cls=Command)
    @json_option
    def act() -> None:
        print_report({"a": [1.5] * 1000, "b": bad})

    assert run(act, ["--json"]) != 0
    assert capsys.readouterr().out == ""


def test_a_report_that_is_larger_than_memory_may_be_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"caf\udce9 é {number}\r\n" for number in range(100_000)]

    @click.command(cls=Command)
    @json_option
    def act() -> None:
        print_report({"names": names})

    assert run(act, ["--json"]) == 0
    assert json.loads(capsys.readouterr().out)["names"] == names


def test_without_json_people_read_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(reporting(), ["act"]) == 0
    output = capsys.readouterr()
    assert output.out == "for people\nfor people, too\n"
    assert output.err == ""


# Commands of other packages


class Loaded(EntryPoint):
    """An entry point of a package that is not installed."""

    def load(self) -> click.Command:
        if self.value == "missing:command":
            raise ModuleNotFoundError("No module named 'missing'")
        assert self.value != "asleep:command", "was imported without need"
        group = CommandGroup("sr", help="Super-resolution.")
        group.command("up")(lambda: click.echo("bigger"))
        return group


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Application:
    points = [("sr", "sr:command"), ("geo", "missing:command"), ("act", "missing:command")]
    entry_points = EntryPoints(Loaded(name, value, cli.ENTRY_POINTS) for name, value in points)
    monkeypatch.setattr(cli, "entry_points", entry_points.select)
    return reporting()


def test_help_lists_what_is_installed(installed: Application, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(installed, ["--help"]) == 0
    listing = capsys.readouterr().out.partition("Commands:")[2].split("\n")
    assert [line.split()[0] for line in listing if line] == ["act", "geo", "sr"]


def test_an_installed_command_runs(installed: Application, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(installed, ["sr", "up"]) == 0
    assert capsys.readouterr().out == "bigger\n"


def test_a_broken_package_says_so(installed: Application, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(installed, ["geo"]) == 1
    assert "geo is broken: missing:command cannot be imported: No module named 'missing'" in capsys.readouterr().err


def test_own_commands_come_first(installed: Application, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(installed, ["act"]) == 0
    assert capsys.readouterr().out == "for people\nfor people, too\n"


def test_packages_are_imported_when_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry_points = EntryPoints([Loaded("sleepy", "asleep:command", cli.ENTRY_POINTS)])
    monkeypatch.setattr(cli, "entry_points", entry_points.select)
    assert run(reporting(), ["act"]) == 0
    assert capsys.readouterr().out == "for people\nfor people, too\n"
    assert run(reporting(), ["sleepy"]) == 1
    assert "was imported without need" in capsys.readouterr().err


def test_of_several_processes_the_others_give_their_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for rank, speaker in (("0", ""), ("3", "process 3: ")):
        monkeypatch.setenv("RANK", rank)
        run(raising(ValueError("out of memory")), ["act"])
        assert capsys.readouterr().err == f"nflows: error: {speaker}out of memory\n"


# Whole processes


def python(code: str, *, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = """
        import sys, nflows_core.runtime.batch, nflows_core.runtime.progress, nflows_core.runtime.weights
        print(sorted({"distributed", "torch", "numpy", "PIL", "jinja2", "rich"} & set(sys.modules)))
    """
    output, error = python(code, cwd=tmp_path).communicate()
    assert output == "[]\n", error


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_an_interrupt_ends_with_130(tmp_path: Path) -> None:
    code = """
        import sys, time
        from nflows_core.runtime.cli import Application, Command, run

        def act():
            print("ready", flush=True)
            time.sleep(60)

        sys.exit(run(Application("nflows", commands={"act": Command("act", callback=act)}), ["act"]))
    """
    process = python(code, cwd=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert error.strip() == "nflows: error: interrupted"


# Progress


def test_progress_writes_a_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("files", 2) as advance:
        advance("a.png")
        advance("[b].png")
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "files 1/2: a.png\nfiles 2/2: [b].png\n"


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    with progress("files", 2) as advance:
        advance("[b].png")
        advance("c.png")
    assert "2/2" in terminal.getvalue()
    assert "c.png" in terminal.getvalue()


def test_json_of_a_report_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    run(reporting(), ["act", "--json"])
    assert json.loads(capsys.readouterr().out) == {"a": "é", "b": 1.5}


# Signals

WRITING = """
    import sys, time
    from pathlib import Path
    from nflows_core.runtime.cli import Application, run
    from nflows_core.runtime.files import atomic_write
    from nflows_core.runtime.temporary import temporary_folder

    application = Application("nflows")

    @application.command()
    def act():
        with atomic_write(Path("file")) as file, temporary_folder(Path()) as folder:
            (folder / "part").write_text("half")
            print("ready", flush=True)
            while True:
                time.sleep(0.01)

    sys.exit(run(application, ["act"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_command_that_is_ended_takes_away_what_it_has_half_written(tmp_path: Path, name: str) -> None:
    command, pipe = [sys.executable, "-c", textwrap.dedent(WRITING)], subprocess.PIPE
    environment = {key: value for key, value in os.environ.items() if key != "WORLD_SIZE"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, name))
        _, error = process.communicate()
    assert process.returncode == 128 + getattr(signal, name)
    assert error.lstrip() == f"nflows: error: {'interrupted' if name == 'SIGINT' else f'ended by {name}'}\n"
    assert list(tmp_path.iterdir()) == []


# Names that attack


def test_no_error_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    name = "\x1b]0;pwned\x07\u202e.png"
    for error in (ValueError(f"{name} is damaged"), FileNotFoundError(2, "no such file", f"{name}\nnext")):
        assert run(raising(error), ["act"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        r"nflows: error: \x1b]0;pwned\x07\u202e.png is damaged",
        r"nflows: error: \x1b]0;pwned\x07\u202e.png\nnext: no such file; check the path",
    ]


def test_no_warning_and_no_traceback_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    def act() -> None:
        # Pytest keeps warnings from being shown, and not from being put in words.
        click.echo(warnings.formatwarning("\x1b[2Ja.png is old", UserWarning, __file__, 1), err=True)
        raise ValueError("\x1b[2Jb.png is damaged")

    assert run(Application("nflows", commands={"act": Command("act", callback=act)}), ["act", "--debug"]) == 2
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert r"nflows: warning: \x1b[2Ja.png is old" in error
    assert r"ValueError: \x1b[2Jb.png is damaged" in error


def test_no_progress_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("files", 1) as advance:
        advance("a\x1b[2J\nb.png")
    assert capsys.readouterr().err == "files 1/1: a\\x1b[2J\\nb.png\n"


@pytest.mark.parametrize("error", [MemoryError(), ValueError(), RuntimeError(), KeyError()])
def test_an_error_without_words_is_named(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    run(raising(error), ["act"])
    said = capsys.readouterr().err.removeprefix("nflows: error: ")
    assert said.startswith("out of memory" if isinstance(error, MemoryError) else type(error).__name__)
