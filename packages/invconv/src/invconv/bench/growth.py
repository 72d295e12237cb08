"""How the time grows with each size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from invconv.bench.layers import Layer, Row, Settings, measure

GROWING = (16, 12, 32, 32)


def growth(base: Layer) -> dict[str, list[Layer]]:
    """Layers whose B, C, m = H = W or k grows, the other sizes as in ``base``."""
    return {
        "images": [replace(base, images=B) for B in (1, 2, 4, 8, 16, 32, 64, 128, 256)],
        "channels": [replace(base, channels=C) for C in (1, 3, 6, 12, 24, 48, 96)],
        "size": [replace(base, height=m, width=m) for m in (8, 16, 32, 64, 128, 256, 512)],
        "kernel": [replace(base, kernel=(k, k)) for k in (1, 2, 3, 4, 5, 7)],
    }


def measure_until_slow(layers: list[Layer], settings: Settings) -> Iterator[Row]:
    """A row for each layer, up to the first whose inverse takes longer than a cell may.

    Another method is left out from the layer on that follows its first such cell.
    """
    first, *others = settings.methods
    for layer in layers:
        row = measure(layer, replace(settings, methods=(first, *others)))
        yield row
        others = [method for method in others if _in_time(row[f"{method}_ms"], settings)]
        if not _in_time(row["inverse_ms"], settings):
            return


def _in_time(cell: object, settings: Settings) -> bool:
    return isinstance(cell, float) and cell <= settings.seconds * 1e3
