"""Reads damaged pictures, each in a process of its own, and writes and reads again what could be read.

    python packages/nflows-core/tests/fuzz_pictures.py --mutants 20000 -o findings

Prints what became of them. All that is neither read nor refused is kept, with what was said, in the folder.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

from picture_mutants import mutant, samples
from picture_roundtrip import read_write_read

_SECONDS, _BYTES, _ADDRESSES = 10, 2**30, 2**33
_READ, _REFUSED, _FAILED = 0, 10, 11


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder for what is found")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    files, outcomes, slowest, largest = samples(), Counter[str](), 0.0, 0
    for number in range(options.mutants):
        data = mutant(files, options.seed, number)
        outcome, seconds, size = judge(data, options.output / f"{number}.txt")
        outcomes[outcome] += 1
        slowest, largest = max(slowest, seconds), max(largest, size)
        if outcome not in ("read", "refused"):
            (options.output / f"{number}.{outcome}").write_bytes(data)
            print(number, outcome, flush=True)
    print(f"{options.mutants} mutants of {len(files)} files: {dict(outcomes)}; at most {slowest:.1f} s CPU", end=" ")
    print(f"and {largest / 2**20:.0f} MiB")
    return int(bool(set(outcomes) - {"read", "refused"}))


def judge(data: bytes, report: Path) -> tuple[str, float, int]:
    """What became of a file, and the time and memory that it took."""
    child = os.fork()
    if child == 0:
        _read(data, report)
    _, status, usage = os.wait4(child, 0)
    seconds, size = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
    if os.WIFSIGNALED(status):
        outcome = "hang" if os.WTERMSIG(status) == signal.SIGALRM else f"signal-{os.WTERMSIG(status)}"
    else:
        outcome = {_READ: "read", _REFUSED: "refused", _FAILED: "error"}.get(os.WEXITSTATUS(status), "exit")
    return "memory" if size > _BYTES else outcome, seconds, size


def _read(data: bytes, report: Path) -> None:
    """Reads in this process and ends it."""
    signal.alarm(_SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        with tempfile.TemporaryDirectory() as folder:
            code = _READ if read_write_read(data, Path(folder)) else _REFUSED
    except BaseException:
        report.write_text(traceback.format_exc())
        code = _FAILED
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
