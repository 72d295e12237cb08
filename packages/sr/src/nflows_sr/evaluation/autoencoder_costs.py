"""What an autoencoder costs: operations, seconds and memory of encoding, of the latent, and of decoding."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from nflows_core.runtime.memory import keep_freed_memory
from nflows_sr.autoencoders import Shape, build_autoencoder, draw_latent

STAGES = ("encode", "latent", "decode")
"""What is measured, as in table 4.2 of the thesis: from a picture to what the latent is made of; from that to a latent,
which is drawn from a Gaussian or is the nearest codes; from the latent to a picture."""
Progress = Callable[[str], None]
Work = Callable[[], Tensor]
_FORGET_PEAK = Path("/proc/self/clear_refs")
Turn = Mapping[str, Mapping[str, float]]
"""Seconds of each stage of each autoencoder."""


def compare_costs(
    shapes: Mapping[str, Shape], size: int, rounds: int, device: torch.device, progress: Progress = lambda _: None
) -> list[dict[str, Any]]:
    """The costs of untrained autoencoders for one square picture, beside those of the first.

    They take turns, so that a busy moment of the machine falls on all of them, and a ratio of times is the median of
    the ratios of the turns. Each one's memory is measured in a process of its own.

    Arguments:
        shapes: The autoencoders by their names.
        size: Height and width of the picture.
        rounds: The number of turns, after one that does not count.
        device: Where to compute.
        progress: Called with words after each piece of work.

    Returns:
        A row for each: seconds of each stage, billions of floating-point operations of encoding and decoding, ratios to
        the first, and the most megabytes that a picture took beside the weights, where the system tells.

    Raises:
        ValueError: There are none, or one takes no pictures of this size.
    """
    _check(shapes, size)
    flops = {name: count_flops(shape, size) for name, shape in shapes.items()}
    peaks = {}
    for name, shape in shapes.items():
        peaks[name] = peak_megabytes(shape, size, device)
        progress(f"memory of {name}")
    turns = _turns(shapes, size, rounds, device, progress)
    return [_row(name, turns, flops) | {"peak_megabytes": peaks[name]} for name in shapes]


@torch.no_grad()
def count_flops(shape: Shape, size: int) -> dict[str, int]:
    """Floating-point operations of convolutions, products of matrices and attention, by stage; nothing is computed."""
    counts = {}
    with torch.device("meta"):
        for stage, work in _works(_network(shape), torch.zeros(1, 3, size, size)).items():
            with FlopCounterMode(display=False) as counter:
                work()
            counts[stage] = int(counter.get_total_flops())
    return counts


def peak_megabytes(shape: Shape, size: int, device: torch.device) -> float | None:
    """The most megabytes that a picture takes beside what is held before, in a new process; of a CPU only on Linux."""
    if device.type == "cpu" and not _FORGET_PEAK.exists():
        return None
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_peak, shape, size, device, torch.get_num_threads()).result() / 1e6


def _peak(shape: Shape, size: int, device: torch.device, threads: int) -> int:
    torch.set_num_threads(threads)
    network, picture = _network(shape).to(device), _picture(size).to(device)
    before = _forget_peak(device)  # initial weights take more for a moment than a small picture does
    for work in _works(network, picture).values():
        _seconds(work)
    return _most_memory(device) - before


def _forget_peak(device: torch.device) -> int:
    """Has the most memory counted from now on, and returns the bytes that are held now."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    _FORGET_PEAK.write_text("5")
    return _bytes_of_process("VmRSS")


def _most_memory(device: torch.device) -> int:
    """The most bytes that were held since then."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _bytes_of_process("VmHWM")


def _bytes_of_process(name: str) -> int:
    """What Linux tells of this process, see proc(5)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _turns(
    shapes: Mapping[str, Shape], size: int, rounds: int, device: torch.device, progress: Progress
) -> Sequence[Turn]:
    keep_freed_memory()
    works = {name: _works(_network(shape).to(device), _picture(size).to(device)) for name, shape in shapes.items()}
    turns = []
    for number in range(rounds + 1):
        turns.append({name: {stage: _seconds(work) for stage, work in works[name].items()} for name in shapes})
        progress(f"turn {number} of {rounds}" if number else "first turn, which does not count")
    return turns[1:]


def _row(name: str, turns: Sequence[Turn], flops: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    first, row = next(iter(flops)), {}
    for stage in STAGES:
        row[f"{stage}_seconds"] = statistics.median(turn[name][stage] for turn in turns)
        row[f"{stage}_ratio"] = statistics.median(turn[name][stage] / turn[first][stage] for turn in turns)
    for stage in ("encode", "decode"):
        row[f"{stage}_gigaflops"] = flops[name][stage] / 1e9
        row[f"{stage}_flop_ratio"] = flops[name][stage] / flops[first][stage]
    return {"model": name, **row}


def _network(shape: Shape) -> Any:
    return build_autoencoder(shape).eval().requires_grad_(False)


def _picture(size: int) -> Tensor:
    return 2 * torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)) - 1


@torch.no_grad()
def _works(autoencoder: Any, picture: Tensor) -> dict[str, Work]:
    """The stages of a picture's way, each to be called alone."""
    moments = autoencoder.quant_conv(autoencoder.encoder(picture))
    latent = draw_latent(autoencoder, moments)
    return {
        "encode": lambda: autoencoder.quant_conv(autoencoder.encoder(picture)),
        "latent": lambda: draw_latent(autoencoder, moments),
        "decode": lambda: autoencoder.decoder(autoencoder.post_quant_conv(latent)),
    }


@torch.no_grad()
def _seconds(work: Work) -> float:
    _synchronize()
    start = time.perf_counter()
    work()
    _synchronize()
    return time.perf_counter() - start


def _synchronize() -> None:
    """CUDA returns from a call before the work is done."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()


def _check(shapes: Mapping[str, Shape], size: int) -> None:
    factor = max((shape.factor for shape in shapes.values()), default=0)
    if not shapes:
        raise ValueError("`models`: expected one autoencoder or more")
    if size < factor or size % factor:
        raise ValueError(f"`size`: expected a multiple of {factor}, got {size}")
