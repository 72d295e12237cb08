from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nflows_core.runtime.batch import (
    BatchResult,
    conclude,
    inputs_argument,
    output_option,
    run_batch,
    skip_existing_option,
)
from nflows_core.runtime.cli import Application, run
from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.jobs import Batch, further, plan_batch
from nflows_core.runtime.lock import FolderInUseError
from nflows_core.runtime.options import dask_option
from nflows_core.runtime.ownership import MARK_FILE, STATUS_FILE
from nflows_core.runtime.status import StatusLog


def shout(source: Path, target: Path) -> Mapping[str, Any]:
    """Writes a text in capitals; refuses one that is empty."""
    text = source.read_text(encoding="utf-8")
    if not text:
        raise ValueError("the text is empty; write something\nin two lines")
    with atomic_write(target, "w") as file:
        file.write(text.upper())
    return {"letters": len(text)}


def batch_of(folder: Path, **texts: str) -> Batch:
    """A batch of text files, run into the folder ``out``."""
    for name, text in texts.items():
        path = folder / "in" / f"{name}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return plan_batch([folder / "in"], folder / "out", {".txt"})


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "out" / STATUS_FILE).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def statuses(folder: Path) -> list[tuple[str, str]]:
    return [(line["output"], line["status"]) for line in lines(folder)]


def test_a_bad_file_stops_nothing(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, a="one", b="", c="three")
    result = run_batch(batch, shout)
    assert result.counts() == {"done": 2, "skipped": 0, "failed": 1}
    assert [outcome.job for outcome in result.outcomes] == list(batch.jobs)
    assert [outcome.result for outcome in result.outcomes] == [{"letters": 3}, None, {"letters": 5}]
    assert result.exit_code == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [MARK_FILE, "a.txt", "c.txt", STATUS_FILE]
    assert (tmp_path / "out" / "c.txt").read_text() == "THREE"


def test_the_log_says_what_became_of_each(tmp_path: Path) -> None:
    run_batch(batch_of(tmp_path, a="one", b=""), shout)
    first, second = lines(tmp_path)
    assert first.pop("seconds") >= 0
    assert first == {
        "input": str(tmp_path / "in" / "a.txt"),
        "output": "a.txt",
        "status": "done",
        "error": None,
        "result": {"letters": 3},
        "written": {
            "a.txt": {
                "bytes": 3,
                "changed_ns": (tmp_path / "out" / "a.txt").stat().st_mtime_ns,
                "sha256": sha256(tmp_path / "out" / "a.txt"),
                "head": sha256(tmp_path / "out" / "a.txt"),
            }
        },
    }
    assert (second["status"], second["error"]) == ("failed", "the text is empty; write something\nin two lines")


def test_the_log_is_written_as_it_goes(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(source: Path, target: Path) -> None:
        seen.append(len(lines(tmp_path)))

    run_batch(batch_of(tmp_path, a="one", b="two", c="three"), look)
    assert seen == [0, 1, 2]


def test_a_disk_that_is_too_full_for_the_log_ends_the_run_and_the_next_one_goes_on(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_up(source: Path, target: Path) -> dict[str, int]:
        result = shout(source, target)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        return result

    batch = batch_of(tmp_path, a="one", b="two")
    try:
        with pytest.raises(OSError) as raised:
            run_batch(batch, fill_up)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(tmp_path / "out" / STATUS_FILE))
    assert run_batch(batch, shout, skip_existing=True).counts()["failed"] == 0
    assert [line["output"] for line in lines(tmp_path)] == ["a.txt", "b.txt"]


def test_a_process_that_writes_nothing_fails(tmp_path: Path) -> None:
    (outcome,) = run_batch(batch_of(tmp_path, a="1"), lambda source, target: {}).outcomes
    assert outcome.status == "failed"
    assert "a.txt" in str(outcome.error)
    assert "was not written" in str(outcome.error)


def test_the_folder_stays_locked_until_the_report_is_written(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, a="1")

    def report(result: BatchResult) -> None:
        assert result.counts()["done"] == 1
        with pytest.raises(FolderInUseError):
            run_batch(batch, shout)

    run_batch(batch, shout, report=report)
    run_batch(batch, shout, skip_existing=True)


def test_a_result_without_json_is_an_error_of_its_file(tmp_path: Path) -> None:
    values = {"a": object(), "b": float("nan"), "c": (1, 2)}

    def write(source: Path, target: Path) -> dict[str, object]:
        target.touch()
        return {"value": values[source.stem]}

    result = run_batch(batch_of(tmp_path, a="1", b="1", c="1"), write)
    assert [outcome.status for outcome in result.outcomes] == ["failed", "failed", "done"]
    assert result.outcomes[2].result == {"value": [1, 2]}


def test_inputs_of_one_name_fail_and_the_others_are_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch_of(tmp_path, a="one", b="two")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.txt").write_text("another")
    batch = plan_batch([tmp_path / "in", tmp_path / "x"], tmp_path / "out", {".txt"})
    for skip_existing in (False, True):
        result = run_batch(batch, shout, what="texts", skip_existing=skip_existing)
        assert [outcome.status for outcome in result.failed] == ["failed", "failed"]
        assert result.counts()["done"] == 1 - skip_existing
        assert "2 of 3 texts would replace results of others: they fail\n" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").glob("*.txt")) == ["b.txt"]
    assert str(result.failed[0].error).startswith(f"would become {tmp_path / 'out' / 'a.txt'}, and so would")


def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("such names are on Linux only")
    name = os.fsdecode(b"\xff\xc3\xa9\xe2\x80\xa8.txt")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_text("one")
    batch = plan_batch([tmp_path / "in"], tmp_path / "out", {".txt"})
    run_batch(batch, shout)
    assert [line["output"] for line in lines(tmp_path)] == [name]
    again = run_batch(batch, shout, skip_existing=True)
    assert (again.outcomes[0].status, again.outcomes[0].result) == ("skipped", {"letters": 3})


def test_one_result_with_a_name_of_its_own_has_no_log(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    batch = plan_batch([tmp_path / "a.txt"], tmp_path / "new" / "b.txt", {".txt"})
    assert run_batch(batch, shout).exit_code == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["b.txt"]
    assert run_batch(batch, shout, skip_existing=True).counts()["skipped"] == 1


# Going on


def test_what_is_there_is_skipped(tmp_path: Path) -> None:
    run_batch(batch_of(tmp_path, a="one", b=""), shout)
    result = run_batch(batch_of(tmp_path, b="two", c="three"), shout, skip_existing=True)
    assert statuses(tmp_path)[2:] == [("a.txt", "skipped"), ("b.txt", "done"), ("c.txt", "done")]
    assert [outcome.result for outcome in result.outcomes] == [{"letters": 3}, {"letters": 3}, {"letters": 5}]
    assert result.exit_code == 0


def test_without_the_option_everything_runs_again(tmp_path: Path) -> None:
    run_batch(batch_of(tmp_path, a="one"), shout)
    run_batch(batch_of(tmp_path, a="another"), shout)
    assert statuses(tmp_path) == [("a.txt", "done"), ("a.txt", "done")]
    assert (tmp_path / "out" / "a.txt").read_text() == "ANOTHER"


def test_what_somebody_has_put_in_the_place_of_a_result_stays_without_the_option_too(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, a="one", b="two")
    run_batch(batch, shout)
    changed(tmp_path, a=b"corrected by hand", b=b"TW")
    first, second = run_batch(batch, shout).outcomes
    assert (first.status, second.status) == ("failed", "done")
    assert "is not what was written there, and stays" in str(first.error)
    assert (tmp_path / "out" / "a.txt").read_bytes() == b"corrected by hand"
    (tmp_path / "out" / "a.txt").unlink()
    assert run_batch(batch, shout).counts()["done"] == 2


def test_a_folder_is_skipped_only_if_it_was_finished(tmp_path: Path) -> None:
    def half(source: Path, target: Path) -> None:
        target.mkdir(exist_ok=True)
        if source.read_text() == "bad":
            raise ValueError("half done")

    (tmp_path / "in").mkdir()
    for name, text in (("a", "good"), ("b", "bad")):
        (tmp_path / "in" / f"{name}.txt").write_text(text)
    batch = plan_batch([tmp_path / "in"], tmp_path / "out", {".txt"}, target_suffix="")
    run_batch(batch, half)
    run_batch(batch, half, skip_existing=True)
    assert statuses(tmp_path)[2:] == [("a", "skipped"), ("b", "failed")]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_batch_that_was_killed_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = batch_of(tmp_path, a="one", b="two", c="three", d="four")
    code = """
        import sys, time
        from pathlib import Path
        from nflows_core.runtime.batch import run_batch
        from nflows_core.runtime.files import atomic_write, sha256
        from nflows_core.runtime.jobs import plan_batch

        def stop_at_c(source, target):
            with atomic_write(target, "w") as file:
                file.write(source.read_text())
                if source.stem == "c":
                    print("ready", flush=True)
                    time.sleep(60)
            return {"letters": 0}

        run_batch(plan_batch([Path("in")], Path("out"), {".txt"}), stop_at_c)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    log = tmp_path / "out" / STATUS_FILE
    # As if it had been killed within a line, too.
    log.write_bytes(log.read_bytes() + b'{"input": "in/c.t')
    result = run_batch(batch, shout, skip_existing=True)
    assert "a line of status.jsonl cannot be read" in capsys.readouterr().err
    assert [outcome.status for outcome in result.outcomes] == ["skipped", "skipped", "done", "done"]
    assert [outcome.result for outcome in result.outcomes] == [{"letters": n} for n in (0, 0, 5, 4)]
    assert len(lines(tmp_path)) == 6


# What is there no longer


def changed(folder: Path, **contents: bytes) -> None:
    """Other contents of results."""
    for name, content in contents.items():
        (folder / "out" / f"{name}.txt").write_bytes(content)


def test_a_result_of_which_a_part_is_left_is_made_again(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, a="one", b="two", c="three")
    run_batch(batch, shout)
    changed(tmp_path, a=b"", b=b"TW")
    for done in (2, 0):
        assert run_batch(batch, shout, skip_existing=True).counts() == {"done": done, "skipped": 3 - done, "failed": 0}
        assert [(tmp_path / "out" / f"{name}.txt").read_text() for name in "abc"] == ["ONE", "TWO", "THREE"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=6) | st.integers(0, 5).map(lambda length: b"THREE"[:length]))
def test_what_somebody_has_put_in_the_place_of_a_result_stays(tmp_path: Path, content: bytes) -> None:
    batch = batch_of(tmp_path, a="three")
    run_batch(batch, shout)
    changed(tmp_path, a=content)
    is_ours = b"THREE".startswith(content)
    for _ in range(2):
        (outcome,) = run_batch(batch, shout, skip_existing=True).outcomes
        assert (outcome.status == "failed") is not is_ours
        assert (tmp_path / "out" / "a.txt").read_bytes() == (b"THREE" if is_ours else content)
        if not is_ours:
            assert str(outcome.error).endswith(
                "a.txt: is not what was written there, and stays; move it, and it is made again"
            )
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == [MARK_FILE]


def test_what_somebody_has_put_in_the_place_of_a_result_costs_no_work(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, a=3000 * "a", b=3000 * "b", c=3000 * "c")
    run_batch(batch, shout)
    changed(tmp_path, a=4000 * b"A", b=2000 * b"b", c=2000 * b"C")
    worked: list[str] = []

    def shout_once(source: Path, target: Path) -> Mapping[str, Any]:
        worked.append(source.stem)
        return shout(source, target)

    result = run_batch(batch, shout_once, skip_existing=True)
    assert [outcome.status for outcome in result.outcomes] == ["failed", "failed", "done"]
    assert worked == ["c"]


def test_a_file_that_the_log_does_not_know_stays_unless_it_is_the_result(tmp_path: Path) -> None:
    run_batch(batch_of(tmp_path, a="one"), shout)
    batch = batch_of(tmp_path, b="two", c="three", d="four", e="five")
    changed(tmp_path, b=b"mine", c=b"THREE", d=b"", e=b"FI")
    for done in (3, 0):
        counts = run_batch(batch, shout, skip_existing=True).counts()
        assert counts == {"done": done, "skipped": 4 - done, "failed": 1}
    assert [(tmp_path / "out" / f"{name}.txt").read_text() for name in "abcde"] == [
        "ONE",
        "mine",
        "THREE",
        "FOUR",
        "FIVE",
    ]


def test_a_result_that_was_only_copied_counts(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, a="one")
    run_batch(batch, shout)
    os.utime(tmp_path / "out" / "a.txt", (1, 1))
    assert run_batch(batch, shout, skip_existing=True).counts()["skipped"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_in_the_place_of_a_result_fails_alone(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, a="one", b="two")
    run_batch(batch, shout)
    (tmp_path / "out" / "a.txt").unlink()
    os.mkfifo(tmp_path / "out" / "a.txt")
    first, second = run_batch(batch, shout, skip_existing=True).outcomes
    assert (first.status, second.status) == ("failed", "skipped")
    assert "a.txt: is not what was written there, and stays" in str(first.error)


def test_a_result_with_a_name_of_its_own_that_is_empty_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.txt").touch()
    batch = plan_batch([tmp_path / "a.txt"], tmp_path / "b.txt", {".txt"})
    assert run_batch(batch, shout, skip_existing=True).counts()["done"] == 1


ENDLESS = (
    b'{"input": "", "status": "done", "output": "", "seconds": %d, "error": null, "result": null, "written": {}}\n'
    % 10**400
)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("damage", [b"[]\n", b"\0\0\0\n", b'{"input": "in/\n', b"\xff\n", b"\n", ENDLESS])
def test_a_damaged_line_costs_its_file_and_no_other(
    tmp_path: Path, number: int, damage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = batch_of(tmp_path, a="one", b="two", c="three")
    run_batch(batch, shout)
    log = tmp_path / "out" / STATUS_FILE
    written = log.read_bytes().splitlines(keepends=True)
    written[number] = damage
    log.write_bytes(b"".join(written))
    result = run_batch(batch, shout, skip_existing=True)
    assert [outcome.status for outcome in result.outcomes] == ["done" if n == number else "skipped" for n in range(3)]
    assert "a line of status.jsonl cannot be read: what only it tells of is done again" in capsys.readouterr().err


# Several files of one input


def echoes(source: Path, target: Path) -> Mapping[str, Any]:
    """Writes a text, and the same twice beside it."""
    for times, path in enumerate([target, *further(target, ["-2"])], 1):
        path.write_text(times * source.read_text())
    return {}


def test_all_files_of_a_result_are_made_again_where_one_is_cut_short_or_gone(tmp_path: Path) -> None:
    batch_of(tmp_path, a="one", b="two", c="three")
    batch = plan_batch([tmp_path / "in"], tmp_path / "out", {".txt"}, beside=("-2",))
    run_batch(batch, echoes)
    files = {path: path.read_bytes() for path in (tmp_path / "out").glob("*.txt")}
    assert sorted(path.name for path in files) == ["a-2.txt", "a.txt", "b-2.txt", "b.txt", "c-2.txt", "c.txt"]
    assert run_batch(batch, echoes, skip_existing=True).counts()["skipped"] == 3
    (tmp_path / "out" / "a-2.txt").write_text("oneo")
    (tmp_path / "out" / "b.txt").unlink()
    assert run_batch(batch, echoes, skip_existing=True).counts() == {"done": 2, "skipped": 1, "failed": 0}
    assert {path: path.read_bytes() for path in (tmp_path / "out").glob("*.txt")} == files
    (tmp_path / "out" / "c-2.txt").write_text("mine")
    (tmp_path / "out" / "c.txt").unlink()
    assert run_batch(batch, echoes, skip_existing=True).counts() == {"done": 0, "skipped": 2, "failed": 1}
    assert (tmp_path / "out" / "c-2.txt").read_text() == "mine"
    assert not (tmp_path / "out" / "c.txt").exists()


def test_an_input_that_is_gone_fails_alone_when_a_run_goes_on(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, a="one", b="two")
    run_batch(batch, shout)
    (tmp_path / "in" / "a.txt").unlink()
    result = run_batch(batch, shout, skip_existing=True, is_current=lambda job, _: job.source.stat().st_size > 0)
    assert [outcome.status for outcome in result.outcomes] == ["failed", "skipped"]
    assert (tmp_path / "out" / "a.txt").read_text() == "ONE"


def test_a_further_file_that_the_log_does_not_know_stays(tmp_path: Path) -> None:
    run_batch(batch_of(tmp_path, a="one"), echoes)
    (tmp_path / "out" / "a-2.txt").write_text("mine")
    log = tmp_path / "out" / STATUS_FILE
    log.write_text(
        "".join(f"{json.dumps({**line, 'written': {'a.txt': line['written']['a.txt']}})}\n" for line in lines(tmp_path))
    )
    batch = plan_batch([tmp_path / "in"], tmp_path / "out", {".txt"}, beside=("-2",))
    assert run_batch(batch, echoes, skip_existing=True).counts()["failed"] == 1
    assert (tmp_path / "out" / "a-2.txt").read_text() == "mine"


# Two at once


def test_a_second_run_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, a="one", b="two")

    def intrude(source: Path, target: Path) -> Mapping[str, Any]:
        with pytest.raises(FolderInUseError, match=rf"\(process {os.getpid()} on .*\) writes here; wait for it"):
            run_batch(batch, shout)
        return shout(source, target)

    assert run_batch(batch, intrude).counts()["done"] == 2
    assert statuses(tmp_path) == [("a.txt", "done"), ("b.txt", "done")]
    assert run_batch(batch, shout).exit_code == 0


LINE = b'{"input": "a", "output": "a", "status": "done", "seconds": 1, "error": "", "result": null, "written": {}}\n'


def enter(folder: Path) -> None:
    with StatusLog(folder):
        pass


@pytest.mark.parametrize("content", [b"", LINE[:3], LINE[:-1], LINE, LINE + b"half", LINE * 2 + LINE[:-1]])
def test_only_a_half_line_is_dropped(tmp_path: Path, content: bytes) -> None:
    enter(tmp_path)
    (tmp_path / STATUS_FILE).write_bytes(content)
    enter(tmp_path)
    assert (tmp_path / STATUS_FILE).read_bytes() == content[: content.rfind(b"\n") + 1]


@pytest.mark.parametrize("content", [b"half", b"{}", b'{"a": 1}\nhalf', b"\n\n\xff", b"[" * 100_000, b'{"input": 1}\n'])
@pytest.mark.parametrize("marked", [False, True])
def test_a_log_of_somebody_else_stays_to_the_last_byte(tmp_path: Path, content: bytes, marked: bool) -> None:
    if marked:
        enter(tmp_path)
    (tmp_path / STATUS_FILE).write_bytes(content)
    with pytest.raises(FileExistsError, match=r"without the mark of an nflows command|is no log of ours; move it"):
        enter(tmp_path)
    assert (tmp_path / STATUS_FILE).read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    batch, victim = batch_of(tmp_path, a="one"), tmp_path / "victim"
    for name in (STATUS_FILE, "a.txt"):
        run_batch(batch, shout)
        (tmp_path / "out" / name).unlink()
        victim.write_text("precious, without a newline")
        (tmp_path / "out" / name).symlink_to(victim)
        with pytest.raises((FileExistsError, ValueError), match="is a link"):
            run_batch(plan_batch([tmp_path / "in"], tmp_path / "out", {".txt"}), shout, skip_existing=True)
        assert victim.read_text() == "precious, without a newline"
        (tmp_path / "out" / name).unlink()


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, a="one")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"such as a\.txt; choose a new or an empty folder"):
        run_batch(batch, shout)
    assert [path.read_text() for path in (tmp_path / "out").iterdir()] == ["mine"]


TAMPERED: dict[str, Any] = {
    "input": st.text() | st.none(),
    "output": st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()) | st.none(),
    "status": st.sampled_from(["done", "failed", "skipped"]) | st.lists(st.just("done")) | st.integers(),
    "seconds": st.floats() | st.text(),
    "error": st.text() | st.none(),
    "result": st.none() | st.integers() | st.dictionaries(st.text(), st.integers()),
    "written": st.none()
    | st.dictionaries(
        st.sampled_from(["a.txt", "", "../b", "/"]),
        st.fixed_dictionaries(
            {"bytes": st.integers(), "changed_ns": st.integers(), "sha256": st.text(), "head": st.text()}
        ),
        max_size=2,
    ),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tail=st.fixed_dictionaries(TAMPERED).map(lambda line: json.dumps(line).encode())
    | st.binary(max_size=200)
    | st.sampled_from([b"[" * 100_000, b"9" * 5000, b"null", b"{}", b"\0\0\0", b'"' + b"a" * 1_000_000 + b'"'])
)
def test_a_log_that_was_tampered_with_stops_nothing(tmp_path: Path, tail: bytes) -> None:
    batch = batch_of(tmp_path, a="one")
    log = tmp_path / "out" / STATUS_FILE
    log.unlink(missing_ok=True)
    run_batch(batch, shout)
    log.write_bytes(log.read_bytes() + tail + b"\n")
    counts = run_batch(batch, shout, skip_existing=True).counts()
    assert counts["failed"] == 0
    assert (tmp_path / "out" / "a.txt").read_text() == "ONE"


# What may be read


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_among_the_inputs_fails_alone(tmp_path: Path) -> None:
    batch_of(tmp_path, a="one", c="three")
    os.mkfifo(tmp_path / "in" / "b.txt")
    (tmp_path / "in" / "d.txt").symlink_to(os.devnull)
    result = run_batch(plan_batch([tmp_path / "in"], tmp_path / "out", {".txt"}), shout)
    assert [outcome.status for outcome in result.outcomes] == ["done", "failed", "done", "failed"]
    assert str(result.outcomes[1].error).startswith("is a folder, a device or a pipe")


def test_no_memory_is_said_in_words(tmp_path: Path) -> None:
    def exhaust(source: Path, target: Path) -> None:
        raise MemoryError

    (failed,) = run_batch(batch_of(tmp_path, a="one"), exhaust).failed
    assert str(failed.error).startswith("out of memory; take smaller or fewer inputs")


# Ctrl-C


def test_an_interrupt_says_how_to_go_on(tmp_path: Path) -> None:
    def interrupted_at_b(source: Path, target: Path) -> Mapping[str, Any]:
        if source.stem == "b":
            raise KeyboardInterrupt
        return shout(source, target)

    batch = batch_of(tmp_path, a="one", b="two", c="three")
    with pytest.raises(CommandError, match="interrupted after 1 of 3; `skip_existing` goes on") as raised:
        run_batch(batch, interrupted_at_b)
    assert raised.value.exit_code == 130
    assert statuses(tmp_path) == [("a.txt", "done")]
    assert run_batch(batch, shout, skip_existing=True).counts() == {"done": 2, "skipped": 1, "failed": 0}


# The command line


def shouting() -> Application:
    application = Application("nflows")

    @application.command()
    @inputs_argument
    @output_option
    @skip_existing_option
    @dask_option
    def act(inputs: tuple[Path, ...], output: Path, skip_existing: bool, dask: str | None) -> int:
        batch = plan_batch(inputs, output, {".txt"})
        return conclude(run_batch(batch, shout, what="texts", skip_existing=skip_existing, dask=dask), batch)

    return application


def act(folder: Path, *options: str) -> int:
    return run(shouting(), ["act", str(folder / "in"), "-o", str(folder / "out"), *options])


def test_a_command_shows_each_file_and_names_those_that_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch_of(tmp_path, a="one", b="")
    assert act(tmp_path) == 1
    output = capsys.readouterr()
    assert output.out == ""
    a, b = (str(tmp_path / "in" / name) for name in ("a.txt", "b.txt"))
    problem = "the text is empty; write something in two lines"
    assert re.sub(r"\d+\.\d s", "0.0 s", output.err) == (
        f"texts 1/2: {a}, 0.0 s\ntexts 2/2: {b}, failed: {problem}\n{b}: {problem}\n1 done, 1 failed\n"
    )


def test_a_command_that_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch_of(tmp_path, a="one")
    assert (act(tmp_path), act(tmp_path, "--skip-existing")) == (0, 0)
    assert capsys.readouterr().err.endswith("a.txt, skipped\n1 skipped\n")


def test_many_failures_are_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch_of(tmp_path, **{f"file{number:02}": "" for number in range(12)})
    assert act(tmp_path) == 1
    summary = capsys.readouterr().err.partition("12/12")[2].splitlines()[1:]
    assert len(summary) == 12
    assert summary[-1] == f"{tmp_path / 'out' / STATUS_FILE} names all that failed"


def test_debug_shows_where_a_file_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch_of(tmp_path, b="")
    assert act(tmp_path, "--debug") == 1
    assert "Traceback" in capsys.readouterr().err


def test_nothing_that_matches_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert act(tmp_path) == 2
    assert run(shouting(), ["act", str(tmp_path / "nowhere"), "-o", "out"]) == 2
    assert not (tmp_path / "out").exists()
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_an_output_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch_of(tmp_path, a="one", b="two")
    (tmp_path / "out").touch()
    assert act(tmp_path) == 2
    assert "is a file; give a folder" in capsys.readouterr().err
