"""Measure what docs/deblurring.md says, on four photographs that come with scikit-image, and fill its tables.

    python apps/reproduce_deblurring.py measure      # all again, in minutes, into packages/invconv/benchmarks/results
    python apps/reproduce_deblurring.py              # the tables of the document from what is kept there, its pictures

The photographs are in the public domain or under CC0; they are reduced to 256 x 256 pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from deblurring import BOUNDED, EXACT, METHODS, deblur, fidelity, sheet
from deblurring_blind import learn_taps
from deblurring_kernels import kernel
from deblurring_methods import Pixels, amplification, blur, noise_gain, undo
from deblurring_recording import Recording
from document_tables import fill
from PIL import Image

from nflows_core.runtime.errors import run_script
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import read_json, to_json
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.report import machine, versions

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "packages" / "invconv" / "benchmarks" / "results" / "deblurring.json"
DOCUMENT = ROOT / "docs" / "deblurring.md"
DRAWING = ROOT / "docs" / "images" / "deblurring.webp"
PICTURES = ("camera", "astronaut", "coffee", "chelsea")
SIDE = 256
CROP = 32
_SHOWN = 192

KERNELS = {"echo": 9, "lag": 15, "half-gaussian": 7, "motion": 9, "box": 5, "gaussian": 5}
"""The kernels by their lengths."""

RECORDINGS = {
    "none": Recording(),
    "8 bits": Recording(is_rounded=True),
    "σ = 1": Recording(1.0, is_rounded=True),
    "σ = 5": Recording(5.0, is_rounded=True),
    "JPEG 95": Recording(jpeg=95),
}
CUT = ("echo", "lag", "half-gaussian", "motion", "box")
"""The kernels by which larger photographs are blurred, of which the middle is undone."""
BLIND = {"echo": (1, 12), "lag": (1, 18), "half-gaussian": (7, 7), "motion": (1, 12)}
"""The kernels that are learned, and the rows and columns that are given to them, which are more than they have."""

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", nargs="?", choices=("measure", "fill"), default="fill", help="(%(default)s)")
    if parser.parse_args().step == "measure":
        report = {
            "recorded": list(recorded()),
            "cut": list(recorded(CROP, CUT, ("none", "σ = 1"))),
            "blind": list(blind()),
            "versions": versions(["scikit-image"]),
            "machine": machine(),
        }
        with atomic_write(KEPT, "w") as file:
            file.write(to_json(report) + "\n")
    draw(DRAWING)
    fill(DOCUMENT, tables())


def photograph(name: str, side: int = SIDE) -> Pixels:
    """A photograph of scikit-image, :math:`(H, W, C)`; what is not square is scaled so, which changes nothing here."""
    import skimage.data

    image = Image.fromarray(getattr(skimage.data, name)()).resize((side, side), Image.Resampling.BOX)
    return np.atleast_3d(np.asarray(image, np.float64))


def recorded(
    crop: int = 0, kernels: Sequence[str] = tuple(KERNELS), noises: Sequence[str] = tuple(RECORDINGS)
) -> Iterator[Row]:
    """The fidelity of every method, for each kernel, recording and photograph."""
    for name in kernels:
        taps = kernel(name, KERNELS[name])
        for noise in noises:
            for picture in PICTURES:
                rows = deblur(photograph(picture, SIDE + 2 * crop), taps, RECORDINGS[noise], crop=crop).rows
                yield {"kernel": name, "noise": noise, "picture": picture, "rows": rows}
        print(f"{name}, {crop} pixels cut off", flush=True)


def blind() -> Iterator[Row]:
    """How near a picture comes whose kernel is learned from it, and one whose kernel is known."""
    for name, shape in BLIND.items():
        taps = kernel(name, KERNELS[name])
        for noise in ("8 bits", "σ = 1", "σ = 5"):
            for picture in PICTURES:
                original = photograph(picture)
                given = RECORDINGS[noise](blur(original, taps))
                learned = learn_taps(given, shape)
                found = {"blurred": given, "blind": undo(given, learned), "known": undo(given, taps)}
                psnr = {method: fidelity(one, original)["psnr"] for method, one in found.items()}
                relative = (learned / learned[0, 0]).ravel()
                yield {
                    "kernel": name,
                    "noise": noise,
                    "picture": picture,
                    "psnr": psnr,
                    "taps": relative.round(4).tolist(),
                }


def draw(path: Path) -> None:
    """The picture of the document: the astronaut's sheets, one over the other."""
    results = [
        deblur(photograph("astronaut", _SHOWN), kernel(name, KERNELS[name]), RECORDINGS[noise])
        for name, noise in (("echo", "σ = 1"), ("motion", "σ = 1"), ("gaussian", "8 bits"))
    ]
    write_picture(path, Picture(np.concatenate(list(map(sheet, results)))), quality=85)


def tables() -> dict[str, str]:
    """The tables in Markdown, by their names."""
    kept = read_json(KEPT)
    return {
        "of the kernels": _table(
            ("kernel", "amplification, 64 x 64", "256 x 256", "1,024 x 1,024", "noise gain, 256 x 256"), _gains()
        ),
        "of the noise": _table(
            ("kernel, noise", *METHODS, "amplification, exact", "bounded"),
            _fidelities(kept["recorded"]),
        ),
        "of the cut": _table(("kernel, noise", *METHODS), _cut(kept["cut"])),
        "of the blind": _table(("kernel, noise", "blurred", "blind", "known"), _blind(kept["blind"])),
    }


def _gains() -> Iterator[Sequence[str]]:
    for name, length in KERNELS.items():
        taps = kernel(name, length)
        sizes = [amplification(taps, (side, side)) for side in (64, 256, 1024)]
        yield (f"{name}, {length}", *map(_number, sizes), _number(noise_gain(taps, (256, 256))))


def _fidelities(kept: Sequence[Row]) -> Iterator[Sequence[str]]:
    for name, noise in dict.fromkeys((one["kernel"], one["noise"]) for one in kept):
        rows = [one["rows"] for one in kept if (one["kernel"], one["noise"]) == (name, noise)]
        amplified = [_mean(rows, method, "amplification") for method in (EXACT, BOUNDED)]
        yield (f"{name}; {noise}", *_psnr(rows), *amplified)


def _cut(kept: Sequence[Row]) -> Iterator[Sequence[str]]:
    for line in _fidelities(kept):
        yield line[:-2]


def _blind(kept: Sequence[Row]) -> Iterator[Sequence[str]]:
    for name, noise in dict.fromkeys((one["kernel"], one["noise"]) for one in kept):
        rows = [one["psnr"] for one in kept if (one["kernel"], one["noise"]) == (name, noise)]
        yield (f"{name}; {noise}", *(f"{fmean(row[method] for row in rows):.1f}" for method in rows[0]))


def _psnr(rows: Sequence[Sequence[Row]]) -> list[str]:
    """The mean over the photographs of each method; the best is bold."""
    means = [fmean(_of(row, method)["psnr"] for row in rows) for method in METHODS]
    best = f"{max(means):.1f}"
    return [f"**{mean:.1f}**" if f"{mean:.1f}" == best else f"{mean:.1f}" for mean in means]


def _mean(rows: Sequence[Sequence[Row]], method: str, key: str) -> str:
    values = [_of(row, method)[key] for row in rows]
    return next((value for value in values if isinstance(value, str)), None) or _number(fmean(values))


def _of(row: Sequence[Row], method: str) -> Mapping[str, Any]:
    (one,) = (one for one in row if one["method"] == method)
    return one


def _number(value: float) -> str:
    if value >= 1e6:
        return f"{value:.0e}" if value < np.inf else "overflows"
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 1e3 else f"{value:.3g}"


def _table(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"


if __name__ == "__main__":
    run_script(main)
