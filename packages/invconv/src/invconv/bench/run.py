"""What the command line asks for, measured, printed and written."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from invconv.bench import UsageError
from invconv.bench.growth import GROWING, growth, measure_until_slow
from invconv.bench.layers import SHAPES, Layer, Row, Settings, applicable_methods, measure
from invconv.bench.report import columns, header, line, record, written_at_once


def run(options: argparse.Namespace) -> None:
    settings = _settings(options)
    draw = _drawing(options) if options.plot else None
    result = record(settings)
    title, keys = _title(result), columns(settings)
    print(f"{title}; milliseconds, the inverse by {result['inverse']}\n{header(keys)}", flush=True)
    kernels: list[tuple[int, int]] = options.kernel or [(3, 3)]
    shapes: Sequence[tuple[int, int, int, int]] = options.shape or ([GROWING] if options.growth else SHAPES)
    if options.growth:
        series = growth(Layer(*shapes[0], kernels[0]))
        measured: Any = {name: _printed(measure_until_slow(layers, settings), keys) for name, layers in series.items()}
    else:
        layers = [Layer(*shape, kernel) for shape in shapes for kernel in kernels]
        measured = _printed((measure(layer, settings) for layer in layers), keys)
    if options.json:
        result["growth" if options.growth else "rows"] = measured
        with written_at_once(options.json) as path:
            path.write_text(json.dumps(result, indent=2) + "\n")
    if draw:
        draw(options.plot, measured, title)


def _printed(rows: Iterable[Row], keys: list[str]) -> list[Row]:
    """The rows, each shown as soon as it is there."""
    measured = []
    for row in rows:
        measured.append(row)
        print(line(row, keys), flush=True)
    return measured


def _settings(options: argparse.Namespace) -> Settings:
    if options.growth and (len(options.shape or []) > 1 or len(options.kernel or []) > 1):
        raise UsageError("--growth grows one layer: give --shape and --kernel once")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no CUDA device here")
    if options.threads:
        torch.set_num_threads(options.threads)
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    methods = applicable_methods(device, dtype)
    return Settings(device, dtype, methods, options.seconds, options.memory * 2**30)


def _drawing(options: argparse.Namespace) -> Callable[..., None]:
    try:
        from invconv.bench.plots import draw_growth, draw_table
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise UsageError("--plot needs matplotlib: pip install 'invconv[bench]'") from error
    return draw_growth if options.growth else draw_table


def _title(result: dict[str, Any]) -> str:
    machine = result["machine"]
    threads = f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}"
    where = machine["gpu"] or f"{machine['processor']}, {threads}"
    return f"{where}, torch {result['versions']['torch']}, {result['dtype']}"
