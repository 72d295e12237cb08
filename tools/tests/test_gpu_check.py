"""The check on a GPU, rehearsed without one: its limits, its report at each moment, and its training for seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_check import build, steps, train
from gpu_check.__main__ import check, environment
from gpu_check.limits import Step, run

TOOLS = Path(__file__).parents[1]

OVERRUNS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


def python(name: str, program: str, seconds: float = 20, **keywords: Any) -> Step:
    return Step(name, (sys.executable, "-c", textwrap.dedent(program)), seconds, **keywords)


def report_in(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie that waits for who adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_step_that_overruns_is_ended_with_its_children(tmp_path: Path) -> None:
    result = run(python("slow", OVERRUNS), 1.5, tmp_path / "log", os.environ)
    assert (result["timed_out"], result["rc"]) == (True, -signal.SIGKILL)
    assert 1.5 <= result["seconds"] < 20
    for pid in map(int, result["output_tail"].split()):
        wait_until(lambda pid=pid: not is_running(pid))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_what_a_step_leaves_running_ends_with_it(tmp_path: Path) -> None:
    program = (
        'import subprocess, sys; print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid)'
    )
    result = run(python("leaves", program), 20, tmp_path / "log", os.environ)
    assert (result["timed_out"], result["rc"]) == (False, 0)
    wait_until(lambda: not is_running(int(result["output_tail"])))


def test_a_failing_step_stops_no_other(tmp_path: Path) -> None:
    todo = [
        python("fails", "print('why'); raise SystemExit(3)"),
        Step("is missing", (str(tmp_path / "no-such-program"),), 5),
        python("has no figures", "print('works')", figures=steps.printed_json),
        python("works", "print('says {\"answer\": 42} and so on')", figures=steps.printed_json),
    ]
    assert not check(todo, tmp_path, 60, os.environ, {"device": "cpu"})
    report = report_in(tmp_path)
    assert report["finished"]
    assert [step["rc"] for step in report["steps"]] == [3, None, 0, 0]
    assert [step["state"] for step in report["steps"]] == ["done"] * 4
    assert report["steps"][0]["output_tail"].strip() == "why"
    assert report["steps"][1]["output_tail"].endswith("No such file or directory")
    assert report["steps"][2]["figures"]["missing"].startswith("ValueError")
    assert report["steps"][3]["figures"] == {"answer": 42}
    assert (tmp_path / "works.log").read_text().startswith("says")


def test_the_limit_of_all_steps_holds(tmp_path: Path) -> None:
    todo = [python("first", "import time; time.sleep(60)"), python("second", "print('late')")]
    start = time.monotonic()
    assert not check(todo, tmp_path, 1.5, os.environ, {})
    assert time.monotonic() - start < 15
    first, second = report_in(tmp_path)["steps"]
    assert (first["timed_out"], first["limit_seconds"]) == (True, pytest.approx(1.5, abs=0.1))
    assert (second["state"], second["rc"]) == ("left out", None)
    assert second["output_tail"] == "the 1.5 seconds are over"


def test_all_succeed(tmp_path: Path) -> None:
    assert check([python("one", "pass"), python("two", "pass")], tmp_path, 60, os.environ, {"limit_seconds": 60})
    assert report_in(tmp_path)["limit_seconds"] == 60


def test_the_report_is_whole_at_each_moment(tmp_path: Path) -> None:
    """Each step reads the report of the check that runs it, and a kill leaves what was done."""
    look = """
    import json, sys
    print(json.dumps([step["state"] for step in json.load(open(sys.argv[1]))["steps"]]))
    """
    program = f"""
    import os, sys
    sys.path.insert(0, {str(TOOLS)!r})
    from pathlib import Path
    from gpu_check.__main__ import check
    from gpu_check.limits import Step
    folder, look = Path({str(tmp_path)!r}), {textwrap.dedent(look)!r}
    command = (sys.executable, "-c", look, str(folder / "report.json"))
    endless = (sys.executable, "-c", "import time; time.sleep(60)")
    todo = [Step("one", command, 20), Step("two", command, 20), Step("endless", endless, 60), Step("never", command, 9)]
    check(todo, folder, 90, os.environ, {{}})
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], start_new_session=True)
    try:

        def states() -> list[str]:
            path = tmp_path / "report.json"
            return [step["state"] for step in report_in(tmp_path)["steps"]] if path.exists() else []

        wait_until(lambda: states()[2:3] == ["running"])
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    report = report_in(tmp_path)
    assert states() == ["done", "done", "running", "waiting"]
    assert not report["finished"]
    seen = [json.loads(step["output_tail"]) for step in report["steps"][:2]]
    assert seen == [["running", "waiting", "waiting", "waiting"], ["done", "running", "waiting", "waiting"]]
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_an_ended_check_ends_its_step(tmp_path: Path) -> None:
    program = f"""
    import sys
    sys.path.insert(0, {str(TOOLS)!r})
    from pathlib import Path
    import gpu_check.__main__ as command
    from gpu_check.limits import Step
    endless = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    command.ROOT = Path({str(tmp_path)!r})
    command.steps = lambda *_: [Step("endless", (sys.executable, "-c", endless), 60)]
    sys.exit(command.main([{str(tmp_path)!r}]))
    """
    process, log = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)]), tmp_path / "endless.log"
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    process.terminate()
    assert process.wait(20) == 128 + signal.SIGTERM
    wait_until(lambda: not is_running(int(log.read_text())))
    report = report_in(tmp_path)
    assert report["steps"][0]["state"] == "running"
    assert report["machine"]["python"] == sys.version.split()[0]


def test_each_step_has_its_share_of_the_time(tmp_path: Path) -> None:
    todo = steps.steps(tmp_path, "cuda", 480)
    assert [step.name for step in todo] == [
        "build", "doctor", "tests-invconv", "tests-nflows-core", "bench", "train"
    ]  # fmt: skip
    assert sum(step.seconds for step in todo) <= 480
    assert 110 <= float(todo[-1].command[-1]) <= 120


def test_the_tests_of_a_gpu_are_found_and_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "test_needs_what_is_missing.py").write_text("import no_such_module  # mark.cuda\n")
    (tmp_path / "test_of_the_processor.py").write_text("raise SystemExit('not for a GPU')\n")
    (tmp_path / "test_of_a_gpu.py").write_text(
        textwrap.dedent("""
        import pytest, warnings

        @pytest.mark.cuda
        @pytest.mark.parametrize("shape", [{"batch": 1}, {"batch": 2}], ids=str)
        def test_one(shape):
            warnings.warn("of a version that nobody knew")
            assert shape["batch"] == 1

        @pytest.mark.cuda
        @pytest.mark.skip
        def test_two(): ...

        def test_of_the_processor():
            raise SystemExit("not for a GPU")
        """)
    )
    command = steps.cuda_tests(tmp_path)
    result = run(Step("tests", command, 60, steps.outcomes), 60, tmp_path / "log", os.environ)
    assert result["rc"] == 1
    figures = result["figures"]
    assert {key: figures[key] for key in ("passed", "failed", "skipped")} == {"passed": 1, "failed": 1, "skipped": 1}
    assert [name.rpartition("::")[2] for name in figures["not_passed"]] == ["test_one[{'batch': 2}]"]
    assert "no_such_module" in (tmp_path / "log").read_text()


def test_every_package_that_has_tests_of_a_gpu_is_checked(tmp_path: Path) -> None:
    tested = [step.name.removeprefix("tests-") for step in steps.steps(tmp_path, "cuda", 480) if "tests" in step.name]
    folders = {
        path.parts[-3] for path in steps.ROOT.glob("packages/*/tests/test_*.py") if "mark.cuda" in path.read_text()
    }
    assert sorted(tested) == sorted(folders)


def test_what_is_built_comes_before_the_sources(tmp_path: Path) -> None:
    path = environment(tmp_path)["PYTHONPATH"].split(os.pathsep)
    assert path[0] == str(tmp_path / "site")
    assert path[1] == str(steps.ROOT / "packages/invconv/src")
    assert (tmp_path / "tmp").is_dir()


def test_the_build_names_the_device_and_this_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "architecture_here", lambda: "90")
    monkeypatch.setattr(subprocess, "check_output", lambda command, text: "/nanobind\n")
    on, off = (build.commands(tmp_path, device)["configure"] for device in ("cuda", "cpu"))
    assert {"-DINVCONV_CUDA=ON", "-DCMAKE_CUDA_ARCHITECTURES=90", "-Dnanobind_DIR=/nanobind"} <= set(on)
    assert f"-DPython_EXECUTABLE={sys.executable}" in on
    assert "-DINVCONV_CUDA=OFF" in off
    assert not any("ARCHITECTURES" in word for word in off)


def test_pictures_are_the_same_every_time_and_no_two_alike() -> None:
    drawn = train.pictures(20, 16)
    assert drawn.shape == (20, 16, 16, 3)
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(drawn, train.pictures(20, 16))
    assert len({picture.tobytes() for picture in drawn}) == 20


def test_training_is_rehearsed_on_the_processor(tmp_path: Path) -> None:
    pytest.importorskip("nflows_core")
    command = (sys.executable, "-m", "gpu_check.train", str(tmp_path), "--device", "cpu", "--seconds", "1")
    small = ("--images", "300", "--side", "8", "--depth", "1", "--width", "8")
    pythonpath = os.pathsep.join([str(TOOLS), os.environ.get("PYTHONPATH", "")])
    step = Step("train", (*command, *small), 120, partial(steps.written_json, tmp_path / "train.json"))
    result = run(step, 120, tmp_path / "log", {**os.environ, "PYTHONPATH": pythonpath})
    assert result["rc"] == 0, result["output_tail"]
    first, long = result["figures"]["two_epochs"], result["figures"]["training"]
    assert result["figures"]["device"] == "cpu"
    assert long["updates"] > first["updates"] > 0
    assert long["updates_per_second"] == pytest.approx(long["updates"] / long["seconds"])
    assert long["max_reconstruction_error"] < 1e-4
    assert 0 < long["bits_per_dim"] < long["bits_per_dim_before_training"]


def test_training_without_the_gpu_that_it_is_to_measure_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "cuda_device", lambda: None)
    assert train.main([str(tmp_path)]) == 1
    assert "torch finds no CUDA device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
