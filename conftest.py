"""What holds for the tests of every package."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

# Tests call small operators of two OpenMP runtimes, torch's and ours, in turn, and start processes side by side: idle
# threads that spin would take the cores from those that work. Read when the runtimes are loaded, hence here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as many workers as cores: one thread each

# Cases and samples that test files share lie beside them, and tools are scripts: both are imported by their names.
ROOT = Path(__file__).parent
SCRIPTS = (ROOT / "apps", ROOT / "tools", ROOT / "tools" / "tests")
sys.path += [str(folder) for folder in (*sorted(ROOT.glob("packages/*/tests")), *SCRIPTS)]

# What runs under nohup ignores it, as do its children: those that tests hang up would run on.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Each test draws the same numbers in any order of the tests; NumPy's tests draw from generators of their own."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


def pytest_collection_finish() -> None:
    """Modules and collected tests stay to the end: the garbage collector need not walk through them again and again."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)  # the wheels are tested without xdist
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """No workers for a few tests, which would wait longer for them than they take; else xdist counts the cores."""
    is_part = config.option.keyword or any("::" in word or word.endswith(".py") for word in config.args)
    return 0 if is_part else None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Examples run where users read them, in src/. Elsewhere a file that cannot be imported would count as skipped."""
    collectors = yield
    if "src" in file_path.relative_to(parent.config.rootpath).parts:
        return collectors
    return [collector for collector in collectors if type(collector) is pytest.Module]
