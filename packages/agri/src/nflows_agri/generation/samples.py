r"""Made crops as files, which say of themselves that they are made, by what, and for which side of a split."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nflows_agri.crops.made import MADE, MADE_FILE, read_made
from nflows_agri.generation.generators import CropGenerator
from nflows_agri.generation.interpolation import class_number
from nflows_agri.generation.runs import load_generator, read_run
from nflows_core.runs.data import refuse_inside
from nflows_core.runs.kind import CONFIG_FILE, weights_file
from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.foreign_text import to_json
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.report import versions

_BLOCK = 64


def save_samples(
    run: str | Path,
    folder: str | Path,
    n: int,
    classes: Sequence[str] = (),
    *,
    seed: int = 0,
    truncation: float | None = None,
    temperature: float = 1.0,
) -> dict[str, Any]:
    """Writes crops of a run's generator: a folder a class, in it a PNG file a crop, named by class and seed.

    Each crop has a seed of its own, and is the same whatever is written with it. Called again with the same arguments,
    it writes the same again, so that what a kill has left is completed.

    Arguments:
        run: The folder of the run.
        folder: The folder of the samples.
        n: The number of crops of each class.
        classes: The names of the classes; all of them if not given.
        seed: The seed of the first crop of each class.
        truncation: Of a GAN; see `GanGenerator`.
        temperature: Of a flow; see `FlowGenerator`.

    Returns:
        What ``generated.json`` says.

    Raises:
        FileExistsError: The folder holds something else, or other samples.
        ValueError: There is no such class, or one that cannot be the name of a folder.
    """
    run, folder = Path(run), Path(folder)
    generator = load_generator(run, truncation=truncation, temperature=temperature)
    names = tuple(classes or generator.classes)
    check_names(generator, names)
    refuse_inside(folder, read_run(run).data)
    said = provenance(run) | {"classes": list(names), "of_each_class": n, "seed": seed}
    said |= {"truncation": truncation, "temperature": temperature}
    claim(folder, said)
    for name in names:
        (folder / name).mkdir(exist_ok=True)
        for start in range(0, n, _BLOCK):
            _save_block(generator, folder, name, range(seed + start, seed + min(start + _BLOCK, n)))
    return said


def provenance(folder: Path) -> dict[str, Any]:
    """What made crops say of the run that made them, and of the training side on which alone they belong."""
    run = read_run(folder)
    return {
        "kind": MADE,
        "split": run.data,
        "split_sha256": run.split_sha256,
        "fold": run.fold,
        "run": str(folder.absolute()),
        "model": run.model,
        "config_sha256": sha256(folder / CONFIG_FILE),
        "weights_sha256": sha256(weights_file(folder)),
        "versions": versions(["nflows-agri"]),
    }


def check_names(generator: CropGenerator, names: Sequence[str]) -> None:
    """Refuses what is no class of a generator, or cannot be the name of a folder.

    Raises:
        ValueError: A name is such.
    """
    for name in names:
        class_number(generator, name)
        if name in (".", "..") or Path(name).name != name:
            raise ValueError(f"the class {name!r} cannot be the name of a folder; name the class otherwise")


def claim(folder: Path, said: Mapping[str, Any]) -> None:
    """Makes a folder for made crops, or takes one in which the same were begun.

    Arguments:
        folder: The folder.
        said: What ``generated.json`` is to say.

    Raises:
        FileExistsError: The folder holds something else, or other crops.
    """
    claim_folder(folder, MADE, [MADE_FILE])
    path = folder / MADE_FILE
    if path.exists() and read_made(path) != said:
        raise FileExistsError(errno.EEXIST, "holds other made crops; give a new folder", str(folder))
    with atomic_write(path, "w") as file:
        file.write(to_json(said, indent=2) + "\n")


def save_crop(folder: Path, name: str, seed: int, pixels: Tensor) -> None:
    """Writes a crop, uint8 :math:`(3, S, S)`, into the folder of its class."""
    write_picture(folder / name / f"{name}-{seed:08d}.png", Picture(pixels.permute(1, 2, 0).numpy()))


def remove_crops(folder: Path, names: Sequence[str]) -> None:
    """Removes the crops that `save_crop` has written of these classes, and nothing else."""
    for name in names:
        own = re.compile(rf"{re.escape(name)}-\d{{8,}}\.png")
        for path in (folder / name).glob("*.png"):
            if own.fullmatch(path.name):
                path.unlink()


def _save_block(generator: CropGenerator, folder: Path, name: str, seeds: range) -> None:
    labels = torch.full((len(seeds),), class_number(generator, name))
    for seed, pixels in zip(seeds, generator.sample(labels, seeds.start), strict=True):
        save_crop(folder, name, seed, pixels)
