"""What a killed process leaves is swept by the next one; what a living one writes is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.temporary import appearing_together, sweep, temporary_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks of this kind")

_WRITES = """
    from pathlib import Path
    from nflows_core.runtime.temporary import temporary_file, temporary_folder
    with temporary_file(Path(), "w") as (_, file), temporary_folder(Path()) as folder:
        file.write("half")
        file.flush()
        (folder / "part").write_text("half")
        print("ready", flush=True)
        input()
"""


@pytest.fixture(autouse=True)
def _new_process() -> None:
    """As if this process had not swept a folder yet."""
    sweep.cache_clear()


@contextmanager
def writer(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the middle of a temporary file and a temporary folder."""
    command = [sys.executable, "-c", textwrap.dedent(_WRITES)]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process


def kill(process: subprocess.Popen[bytes], number: int) -> None:
    process.send_signal(number)
    process.wait()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_process_left_goes_with_the_next_file(tmp_path: Path, number: int) -> None:
    with writer(tmp_path) as process:
        kill(process, number)
    assert len(names(tmp_path)) == 2
    with atomic_write(tmp_path / "file") as file:
        file.write(b"whole")
    assert names(tmp_path) == ["file"]


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    with writer(tmp_path) as process:
        with atomic_write(tmp_path / "file"):
            sweep.cache_clear()
            sweep(tmp_path)
            assert len(names(tmp_path)) == 3
        assert len(names(tmp_path)) == 3
        kill(process, signal.SIGKILL)


def name_of(folder: Path) -> str:
    """What a temporary file of this machine is called."""
    with temporary_folder(folder) as made:
        return made.name


_MACHINE, _BOOT = len(".nflows-"), len(".nflows-01234567-")


def elsewhere(name: str, place: int) -> str:
    """The name with another digit at a place: that of another machine, or of another start of one."""
    return f"{name[:place]}{'0' if name[place] != '0' else '1'}{name[place + 1 :]}"


def test_only_files_and_folders_of_ours_are_swept(tmp_path: Path) -> None:
    name = name_of(tmp_path)
    (tmp_path / "victim").write_text("mine")
    for other in (".nflows-notes.tmp", f"{name}.bak", name.removeprefix(".")):
        (tmp_path / other).write_text("mine")
    (tmp_path / name).symlink_to("victim")
    os.mkfifo(tmp_path / f"{name[:-5]}{'0' if name[-5] != '0' else '1'}.tmp")
    before = names(tmp_path)
    sweep.cache_clear()
    sweep(tmp_path)
    assert names(tmp_path) == before
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("place", [_MACHINE, _BOOT])
def test_a_container_and_a_machine_that_started_anew_are_this_machine(tmp_path: Path, place: int) -> None:
    """A container has a name of its own and the kernel of this one; a machine keeps its name when it starts anew."""
    if place == _MACHINE and not Path("/proc/sys/kernel/random/boot_id").exists():
        pytest.skip("the system does not tell its start")
    (tmp_path / elsewhere(name_of(tmp_path), place)).mkdir()
    sweep.cache_clear()
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_what_another_machine_may_still_write_stays_for_a_day(tmp_path: Path) -> None:
    """Some network file systems keep locks to one machine."""
    other = tmp_path / elsewhere(elsewhere(name_of(tmp_path), _MACHINE), _BOOT)
    other.touch()
    sweep.cache_clear()
    sweep(tmp_path)
    assert names(tmp_path) == [other.name]
    os.utime(other, (time.time() - 90_000,) * 2)
    sweep.cache_clear()
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_a_temporary_folder_goes_with_its_content(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as folder:
        (folder / "part").write_text("half")
    assert names(tmp_path) == []


def test_a_name_that_was_swept_before_it_was_locked_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the moment that a file is made and the one that it is locked, it looks as dead as any."""
    from nflows_core.runtime import temporary

    lock, swept = temporary._lock, []

    def sweep_first(descriptor: int | None, *, wait: bool = True) -> bool:
        if not swept:
            swept.extend(path for path in tmp_path.iterdir() if path.is_file())
            for path in swept:
                path.unlink()
        return lock(descriptor, wait=wait)

    monkeypatch.setattr(temporary, "_lock", sweep_first)
    with atomic_write(tmp_path / "file") as file:
        file.write(b"whole")
    assert len(swept) == 1
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with appearing_together(tmp_path) as staging:
        (staging / "a").write_text("new")
        (staging / "b").write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert [(path.name, path.read_text()) for path in sorted(tmp_path.iterdir())] == [("a", "new"), ("b", "new")]
    with suppress(RuntimeError), appearing_together(tmp_path) as staging:
        (staging / "a").write_text("newer")
        raise RuntimeError("stopped")
    assert [(path.name, path.read_text()) for path in sorted(tmp_path.iterdir())] == [("a", "new"), ("b", "new")]
