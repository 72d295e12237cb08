"""Pictures of the times. Matplotlib is imported here alone: it comes with the extra ``invconv[bench]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from invconv.bench.layers import Row
from invconv.bench.report import written_at_once

# The floor in grey; colours that the colour-blind tell apart (Okabe and Ito).
_COLOURS = {
    "conv2d_ms": "#777777",
    "inverse_ms": "#0072b2",
    "fixed_point_ms": "#d55e00",
    "impulse_ms": "#009e73",
    "conv2d_gradients_ms": "#777777",
    "inverse_gradients_ms": "#0072b2",
}
_AXES = {"images": "images B", "channels": "channels C", "size": "height and width m", "kernel": "kernel size k"}


def draw_table(path: Path, rows: list[Row], title: str) -> None:
    """Convolution and inverse side by side for each layer, forward and gradients."""
    figure = Figure(figsize=(10, 1.6 + 0.5 * len(rows)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    _bars(panels[0], rows, ("conv2d_ms", "inverse_ms", "ratio"), "forward")
    _bars(panels[1], rows, ("conv2d_gradients_ms", "inverse_gradients_ms", "gradients_ratio"), "gradients")
    panels[0].set_yticks(range(len(rows)), [str(row["layer"]) for row in rows])
    panels[0].invert_yaxis()
    _save(figure, path, title)


def draw_growth(path: Path, panels: dict[str, list[Row]], title: str) -> None:
    """How the times grow with each size, on logarithmic axes: a straight line is a power."""
    figure = Figure(figsize=(10, 8), layout="constrained")
    for axes, (name, rows) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        values = [_size(row, name) for row in rows]
        for key in [key for key in rows[0] if key.endswith("_ms")]:
            style = "o:" if "gradients" in key else "o--" if key == "conv2d_ms" else "o-"
            times = [_number(row.get(key)) for row in rows]
            axes.loglog(values, times, style, label=_label(key), color=_COLOURS.get(key), markersize=4)
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(_AXES[name])
        axes.set_ylabel("milliseconds")
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    _save(figure, path, title)


def _bars(axes: Axes, rows: list[Row], keys: tuple[str, str, str], title: str) -> None:
    for shift, key in zip((-0.2, 0.2), keys, strict=False):
        places = [i + shift for i in range(len(rows))]
        axes.barh(places, [_number(row[key]) for row in rows], 0.38, label=_label(key), color=_COLOURS[key])
    for i, row in enumerate(rows):
        if row[keys[2]] is not None:
            axes.text(_number(row[keys[1]]), i + 0.2, f" {row[keys[2]]:.2f} x", va="center", fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_xlabel("milliseconds")
    axes.set_title(title)
    axes.legend(frameon=False)


def _size(row: Row, name: str) -> float:
    value = row["kernel"] if name == "kernel" else row["height" if name == "size" else name]
    return _number(value[0] if isinstance(value, list) else value)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _label(key: str) -> str:
    return key.removesuffix("_ms").replace("_", " ")


def _save(figure: Figure, path: Path, title: str) -> None:
    figure.suptitle(title)
    with written_at_once(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "invconv"}):
        figure.savefig(temporary, format=path.suffix[1:], dpi=150)
