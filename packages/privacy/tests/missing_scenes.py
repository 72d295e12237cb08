"""Erased made-up roads and what is learned from them, for tests and for processes that they kill."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from made_up_roads import write_roads
from nflows_core.runtime.cli import Command
from nflows_core.runtime.pictures.options import EXACT, PictureOptions, picture_options
from nflows_core.runtime.report import read_csv, write_csv
from nflows_core.testing import call_command
from nflows_privacy.cli.erasing import FillChoice
from nflows_privacy.cli.scenes import erase_scenes
from nflows_privacy.missing.training import train


@click.command(cls=Command)
@picture_options(metadata="strip-private", is_random=True, format=EXACT)
@click.option("--boxes", type=click.Path(path_type=Path))
@click.option("--scenes", type=click.Path(path_type=Path))
@click.option("--decoys", type=int, default=2)
def erase_command(pictures: PictureOptions, boxes: Path, scenes: Path, decoys: int) -> int:
    return erase_scenes(pictures, boxes, scenes, ("sign",), FillChoice("telea", None, None, "cpu"), decoys)


def erased_roads(folder: Path, kinds: Mapping[str, int], seed: int, decoys: int = 2) -> Path:
    """A folder of scenes of so many roads of each kind, with their signs and without, each road its own group."""
    roads = folder / "roads"
    boxes = write_roads(roads, kinds, seed)
    asked = read_csv(roads / "scenes.csv")
    write_csv(roads / "scenes.csv", [{**row, "group": row["image"]} for row in asked])
    arguments = (roads / "images", "--boxes", boxes, "--scenes", roads / "scenes.csv", "--decoys", decoys)
    assert call_command(erase_command, *arguments, "-o", folder / "scenes") == 0
    return folder / "scenes"


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
