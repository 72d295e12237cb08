"""What the methods without weights win back of pictures that they were not tuned on, beside scikit-image and OpenCV.

    python packages/heritage/benchmarks/bench_classic.py FOLDER -o classic.json [--kind blur] [--without-peers]

FOLDER holds the pictures of heritage/paintings, heritage/murals (*-original.png) and sr/Set14/HR. Of each, 256 x 256
pixels of its middle are damaged at five levels and rounded to 8 bits. The method is told the kind, not the level; the
peers are told the level, and the kernel. Gains are means over pictures with 95 % intervals by Student's t. Kinds that
the file has already stay in it, so that some can be measured again.
"""

from __future__ import annotations

import json
import math
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.runtime.images import read_picture
from nflows_core.runtime.intervals import student
from nflows_core.runtime.pictures.samples import to_pixels, to_tensor
from nflows_core.runtime.report import machine, versions
from nflows_core.runtime.terminal import echo
from nflows_heritage.classic import KINDS, estimated
from nflows_heritage.distortions import LEVELS, distorted
from nflows_heritage.evaluation import middle

sys.path.insert(0, str(Path(__file__).parent))
from classic_peers import PEERS, Damage

Samples = NDArray[np.float32]
_PATTERNS = ("heritage/paintings/*.jpg", "heritage/murals/*-original.png", "sr/Set14/HR/*.png")
_SIDE = 256


def psnr(result: Samples, clean: NDArray[Any]) -> float:
    pixels = to_pixels(torch.from_numpy(np.asarray(result, np.float32)).permute(2, 0, 1), np.uint8)
    error = float(np.mean((pixels.astype(np.float64) - clean) ** 2))
    return 10 * math.log10(255**2 / max(error, 1e-3))


class Cases:
    """A picture at each level of a kind of damage, in pixels, with what it was."""

    def __init__(self, kind: str, pictures: dict[str, NDArray[Any]]) -> None:
        self.kind, self.pictures = kind, pictures

    def gains(self, method: Callable[[Samples, Damage], Samples]) -> tuple[list[list[float]], list[list[float]], float]:
        """Ratios before, gains by picture and level, and seconds a megapixel."""
        before, gained, seconds, count = [], [], 0.0, 0
        for name, clean in self.pictures.items():
            seed = zlib.crc32(f"{name} {self.kind}".encode())
            ratios, wins = [], []
            for level in LEVELS:
                damaged = to_pixels(distorted(to_tensor(clean), self.kind, level, seed), np.uint8)
                samples = damaged.astype(np.float32) / 255
                start = time.process_time()
                result = method(samples, Damage(level, seed))
                seconds, count = seconds + time.process_time() - start, count + clean.shape[0] * clean.shape[1]
                ratios.append(psnr(samples, clean))
                wins.append(psnr(result, clean) - ratios[-1])
            before.append(ratios)
            gained.append(wins)
        return before, gained, seconds / count * 1e6


def summary(gained: Sequence[Sequence[float]], seconds: float) -> dict[str, Any]:
    values = np.array(gained)
    mean, low, high = student(values.mean(1).tolist())
    return {
        "gain_db": mean,
        "interval": [low, high],
        "by_level": values.mean(0).tolist(),
        "by_level_intervals": [list(student(column.tolist())[1:]) for column in values.T],
        "worst": float(values.min()),
        "below_minus_half": int((values < -0.5).sum()),
        "seconds_of_processor_per_megapixel": seconds,
    }


def measured(kind: str, pictures: dict[str, NDArray[Any]], peers: bool) -> dict[str, Any]:
    cases = Cases(kind, pictures)
    before, gained, seconds = cases.gains(lambda picture, damage: estimated(kind, picture)(picture))
    names = list(pictures)
    table: dict[str, Any] = {"pictures": len(names), "input_psnr_db": np.mean(before, 0).tolist()}
    table["classic"] = summary(gained, seconds)
    bad = [(names[i], LEVELS[j], gained[i][j]) for i, j in np.argwhere(np.array(gained) < -0.5)]
    table["worse_than_minus_half"] = [{"picture": n, "level": level, "gain_db": gain} for n, level, gain in bad]
    for name, peer in PEERS[kind].items() if peers else ():
        _, wins, cost = cases.gains(peer)
        table[name] = summary(wins, cost)
    return table


def show(kind: str, table: dict[str, Any]) -> None:
    echo(f"{kind}: input " + " ".join(f"{ratio:5.2f}" for ratio in table["input_psnr_db"]))
    for name, row in table.items():
        if isinstance(row, dict):
            levels = " ".join(f"{gain:6.2f}" for gain in row["by_level"])
            low, high = row["interval"]
            echo(f"  {name:46} {row['gain_db']:6.2f} [{low:.2f}, {high:.2f}]  {levels}  worst {row['worst']:.2f}")


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="All by default.")
@click.option("--without-peers", is_flag=True)
def main(folder: Path, output: Path, kinds: tuple[str, ...], without_peers: bool) -> None:
    """Measures what is won back, by kind and level."""
    torch.set_num_threads(1)
    files = [path for pattern in _PATTERNS for path in sorted(folder.glob(pattern))]
    pictures = {path.name: middle(read_picture(path).pixels, _SIDE) for path in files}
    for kind in kinds or KINDS:
        table = measured(kind, pictures, not without_peers)
        show(kind, table)
        report = json.loads(output.read_text()) if output.exists() else {}
        report[kind] = table
        report |= {"versions": versions(["scikit-image", "scipy", "opencv-python"]), "machine": machine()}
        output.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
