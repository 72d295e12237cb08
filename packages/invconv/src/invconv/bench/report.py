"""The measured rows as a table, as a record with machine and versions, and as a picture."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

import invconv
from invconv.bench.layers import Row, Settings


def columns(settings: Settings) -> list[str]:
    """Keys of a row that the table shows."""
    others = [f"{method}_ms" for method in settings.methods[1:]]
    gradients = ["conv2d_gradients_ms", "inverse_gradients_ms", "gradients_ratio"]
    return ["layer", "conv2d_ms", "inverse_ms", "ratio", *others, *gradients]


def header(keys: list[str]) -> str:
    return "".join(_aligned(key.removesuffix("_ms").replace("_", " "), key) for key in keys)


def line(row: Row, keys: list[str]) -> str:
    return "".join(_aligned(_cell(row.get(key)), key) for key in keys)


def record(settings: Settings) -> dict[str, Any]:
    """What a reader needs in order to compare the times with others."""
    gpu = torch.cuda.get_device_name(settings.device) if settings.device.type == "cuda" else None
    return {
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "gpu": gpu,
            "solver": invconv.backends()["wavefront"],
        },
        "versions": {
            "invconv": invconv.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "threads": torch.get_num_threads(),
        "device": settings.device.type,
        "dtype": str(settings.dtype).removeprefix("torch."),
        "inverse": settings.methods[0],
        "seconds_per_cell": settings.seconds,
    }


@contextmanager
def written_at_once(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write to; it takes the place of ``path`` when all is written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _aligned(text: str, key: str) -> str:
    return f"{text:<22}" if key == "layer" else f"{text:>{max(len(key.removesuffix('_ms')), 8) + 2}}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "-" if value is None else str(value)


def _processor() -> str:
    """Its name; Linux alone does not say it through `platform`."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for entry in cpuinfo.read_text().splitlines():
            if entry.startswith("model name"):
                return entry.partition(":")[2].strip()
    return platform.processor() or platform.machine()
