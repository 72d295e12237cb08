"""The memory that judging and reporting N scenes takes: that of a process for each N, by the largest it ever had.

    python packages/privacy/benchmarks/judge_many.py RUN FOLDER --scenes 500 2000

Four small scenes with a sign each are drawn and erased; the N scenes are links to them, frames of one drive.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from nflows_core.runtime.report import read_csv, write_csv
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.missing.scenes import BOXES, ERASED_PART, TABLE
from nflows_privacy.regions import Box, Region

APP = Path(__file__).parents[3] / "apps" / "missing_signs"
SIZE = (160, 96)
DRAWN = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run that has learned")
    parser.add_argument("folder", type=Path, help="a new folder for what is made")
    parser.add_argument("--scenes", type=int, nargs="+", default=[500, 2000], help="how many, one measurement each")
    words = parser.parse_args()
    drawn = draw(words.folder)
    for count in words.scenes:
        scenes = multiply(drawn, words.folder / f"scenes-{count}", count)
        found = words.folder / f"found-{count}"
        judging = peak("categorise", scenes, "--model", words.run, "-o", found, "--missing", "0")
        reporting = peak("report", found, "-o", words.folder / f"report-{count}")
        print(f"{count} scenes: judging {judging:.0f} MiB, reporting {reporting:.0f} MiB", flush=True)


def draw(folder: Path) -> Path:
    """A folder of a few scenes whose signs were erased."""
    pictures, generator = folder / "pictures", np.random.default_rng(0)
    pictures.mkdir(parents=True)
    boxes = []
    for number in range(DRAWN):
        coarse = generator.integers(0, 256, (6, 10, 3), np.uint8)
        Image.fromarray(coarse).resize(SIZE).save(pictures / f"{number}.png")
        boxes += rows_of(f"{number}.png", [Region(Box(20 + 30 * number, 20, 32 + 30 * number, 32), "sign")])
    write_csv(folder / BOXES, boxes)
    peak("erase", pictures, "--boxes", folder / BOXES, "-o", folder / "erased")
    return folder / "erased"


def multiply(drawn: Path, folder: Path, count: int) -> Path:
    """A folder of so many scenes, links to those that were drawn."""
    part = folder / ERASED_PART
    part.mkdir(parents=True)
    boxes, scenes = [], []
    known = read_csv(drawn / ERASED_PART / BOXES)
    for number in range(count):
        own, name = f"{number % DRAWN}.png", f"{number:06}.png"
        os.link(drawn / ERASED_PART / own, part / name)
        boxes += [{**row, "image": name} for row in known if row["image"] == own]
        (row,) = [row for row in read_csv(drawn / TABLE) if row["source"] == own]
        scenes.append({**row, "image": f"{ERASED_PART}/{name}", "source": name, "drive": "one", "frame": number})
    write_csv(part / BOXES, boxes)
    write_csv(folder / TABLE, scenes)
    return folder


def peak(*arguments: object) -> float:
    """The most memory that the app had with these arguments, in MiB.

    Raises:
        RuntimeError: It failed.
    """
    command = [sys.executable, str(APP), *(str(word) for word in arguments)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        told = process.stderr.read() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(told)
    return usage.ru_maxrss / 1024  # which Linux counts in KiB


if __name__ == "__main__":
    main()
