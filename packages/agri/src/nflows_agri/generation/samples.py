r"""Made crops as files, which say of themselves that they are made, by what, and for which side of a split."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from nflows_agri.generation.generators import CropGenerator
from nflows_agri.generation.interpolation import class_number
from nflows_agri.generation.runs import load_generator, read_run
from nflows_core.data.images import DataError
from nflows_core.runs.data import refuse_inside
from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.foreign_text import read_json, to_json
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.report import versions

GENERATED_FILE = "generated.json"
"""What lies beside made crops, and says whose training side they belong to."""
_KIND = "generated crops"
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
    _check_names(generator, names)
    refuse_inside(folder, read_run(run).data)
    said = _provenance(run) | {"classes": list(names), "of_each_class": n, "seed": seed}
    said |= {"truncation": truncation, "temperature": temperature}
    _claim(folder, said)
    for name in names:
        (folder / name).mkdir(exist_ok=True)
        for start in range(0, n, _BLOCK):
            _save_block(generator, folder, name, range(seed + start, seed + min(start + _BLOCK, n)))
    return said


def provenance_of(folder: str | Path) -> dict[str, Any] | None:
    """What ``generated.json`` says of made crops, in a folder or in one above it; nothing of others.

    Its ``split`` and ``fold`` are those on whose training side the generator was trained: nowhere else may the crops
    be put.

    Raises:
        DataError: There is such a file, and it is damaged.
    """
    for place in (folder := Path(folder).resolve(), *folder.parents):
        path = place / GENERATED_FILE
        if path.is_file():
            return _read(path)
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}): whose crops are beside it is lost; make them again") from error
    match content:
        case {"kind": kind, "split": str(), "fold": None | str(), "part": str()} if kind == _KIND:
            said: dict[str, Any] = content
            return said
    raise DataError(f"{path} does not say whose the crops beside it are; make them again")


def _provenance(folder: Path) -> dict[str, Any]:
    run = read_run(folder)
    data = Path(run.data)
    weights = folder / WEIGHTS_FILE
    return {
        "kind": _KIND,
        "split": run.data,
        "split_sha256": sha256(data) if data.is_file() else None,
        "fold": run.fold,
        "part": "train",
        "run": str(folder.absolute()),
        "model": run.model,
        "config_sha256": sha256(folder / CONFIG_FILE),
        "weights_sha256": sha256(weights) if weights.is_file() else None,
        "versions": versions(["nflows-agri"]),
    }


def _check_names(generator: CropGenerator, names: Sequence[str]) -> None:
    for name in names:
        class_number(generator, name)
        if name in (".", "..") or Path(name).name != name:
            raise ValueError(f"the class {name!r} cannot be the name of a folder; name the class otherwise")


def _claim(folder: Path, said: Mapping[str, Any]) -> None:
    claim_folder(folder, _KIND, [GENERATED_FILE])
    path = folder / GENERATED_FILE
    if path.exists() and _read(path) != said:
        raise FileExistsError(errno.EEXIST, "holds other samples; give a new folder", str(folder))
    with atomic_write(path, "w") as file:
        file.write(to_json(said, indent=2) + "\n")


def _save_block(generator: CropGenerator, folder: Path, name: str, seeds: range) -> None:
    labels = torch.full((len(seeds),), class_number(generator, name))
    for seed, pixels in zip(seeds, generator.sample(labels, seeds.start), strict=True):
        write_picture(folder / name / f"{name}-{seed:08d}.png", Picture(pixels.permute(1, 2, 0).numpy()))
