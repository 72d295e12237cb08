"""A sheet that shows of each kind of damage that it is what its name says: a row a kind, good first, then five levels.

    python packages/heritage/benchmarks/distortion_sheet.py PICTURE... -o sheet.png [--side 160]

Of each picture a square of its middle is shown, small pictures as they are and larger ones at half of their size; what
is printed is how far each level is from the picture, in decibels.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.runtime.pictures.samples import to_pixels, to_tensor
from nflows_core.runtime.terminal import echo
from nflows_heritage.distortions import DISTORTIONS, LEVELS, distorted


@click.command(help=__doc__)
@click.argument("pictures", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--side", type=click.IntRange(32), default=160, show_default=True, help="Of each picture, in pixels.")
def main(pictures: tuple[Path, ...], output: Path, side: int) -> None:
    columns = []
    for path in pictures:
        good = to_tensor(_square(path, side))
        columns.append(torch.cat([_row(good, kind, path.name) for kind in DISTORTIONS], 1))
    write_picture(output, Picture(to_pixels(torch.cat(columns, 2), np.uint8)))


def _row(good: torch.Tensor, kind: str, name: str) -> torch.Tensor:
    bad = [distorted(good, kind, level, seed=3) for level in LEVELS]
    ratios = [-10 * float((one - good).square().mean().log10()) for one in bad]
    echo(f"{name:<28}{kind:<18}{' '.join(f'{ratio:6.2f}' for ratio in ratios)}")
    return torch.cat([good, *bad], 2)


def _square(path: Path, side: int) -> np.ndarray:  # type: ignore[type-arg]
    image = Image.fromarray(read_picture(path).pixels[..., :3])
    shrink = max(1.0, min(image.size) / (2 * side))
    image = image.resize([max(side, round(length / shrink)) for length in image.size], Image.Resampling.LANCZOS)
    left, top = ((length - side) // 2 for length in image.size)
    return np.asarray(image.crop((left, top, left + side, top + side)))


if __name__ == "__main__":
    main()
