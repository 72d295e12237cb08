"""The exact inverse beside the convolution that it inverts: as many multiplications, so the convolution is the floor.

python -m invconv.bench
python -m invconv.bench --shape 16x12x32x32 --shape 1x3x256x256 --kernel 3 --kernel 5x5 --json times.json
python -m invconv.bench --growth --plot growth.svg
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from invconv.bench import UsageError

DTYPES = ("float32", "float64", "bfloat16", "float16")


def main(arguments: list[str] | None = None) -> None:
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        from invconv.bench.run import run
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        parser.error("the floor is torch's conv2d, and torch is not installed: pip install 'invconv[torch]'")
    try:
        run(options)
    except UsageError as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m invconv.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--shape", type=_shape, action="append", metavar="BxCxHxW", help="images; repeatable; default: eight of them")
    add("--kernel", type=_kernel, action="append", metavar="K or KHxKW", help="repeatable; default: 3")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--dtype", choices=DTYPES, default="float32")
    add("--threads", type=_count, help="of the CPU; default: as many as torch takes")
    add("--seconds", type=_positive, default=1.0, help="how long to measure a cell (%(default)s)")
    add("--memory", type=_positive, default=4.0, metavar="GIB", help="cells that need more are left out (%(default)s)")
    add("--growth", action="store_true", help="how the times grow with B, C, m and k from one shape on, 16x12x32x32")
    add("--json", type=_output(".json"), metavar="FILE", help="write all numbers, machine and versions")
    add("--plot", type=_output(".png", ".svg"), metavar="FILE", help="draw a PNG or SVG; needs invconv[bench]")
    return parser


def _shape(text: str) -> tuple[int, int, int, int]:
    sizes = _sizes(text)
    if len(sizes) != 4:
        raise argparse.ArgumentTypeError(f"{text!r}: expected BxCxHxW, four numbers from 1 on, such as 16x12x32x32")
    return sizes[0], sizes[1], sizes[2], sizes[3]


def _kernel(text: str) -> tuple[int, int]:
    sizes = _sizes(text)
    if len(sizes) not in (1, 2):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a size from 1 on, such as 3 or 2x3")
    return sizes[0], sizes[-1]


def _sizes(text: str) -> list[int]:
    """The numbers between the x, or none if one is not a number from 1 on."""
    words = text.split("x")
    return [int(word) for word in words] if all(word.isdecimal() and int(word) > 0 for word in words) else []


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 1 on")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return number


def _output(*suffixes: str) -> Callable[[str], Path]:
    """Asked before anything is measured, so that no result is lost for want of a place."""

    def path_of(text: str) -> Path:
        path = Path(text)
        if path.suffix not in suffixes:
            raise argparse.ArgumentTypeError(f"{text!r}: expected a name that ends in {' or '.join(suffixes)}")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"{text!r}: there is no folder {str(path.parent)!r}")
        return path

    return path_of


if __name__ == "__main__":
    main()
