r"""What the flow of a run finds of each picture: how likely it is, and its latents."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.data.images import Images
from nflows_core.data.others import is_named_as_picture
from nflows_core.data.pictures import read_pictures
from nflows_core.data.read import read_as
from nflows_core.data.reading import READ_AS_IT_IS, Reading
from nflows_core.evaluation import image_grid, log_probs
from nflows_core.evaluation.scores import dequantized, shared_noise
from nflows_core.flow import Flow, density_to_bits_per_dim
from nflows_core.latents.vectors import encode_vectors
from nflows_core.runs.arrays import write_array
from nflows_core.runs.conditioning import conditioned_on, context_of, with_maps_of
from nflows_core.runs.data import refuse_inside
from nflows_core.runs.folder import KIND, load_on_device, read_run
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import as_cell
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.report import write_csv

SHOWN = 64
"""The pictures in the contact sheet of the most unusual ones."""


def score_pictures(
    folder: str | Path,
    data: Sequence[str],
    path: str | Path,
    *,
    draws: int = 4,
    seed: int = 0,
    batch_size: int = 100,
    reading: Reading = READ_AS_IT_IS,
    sort: bool = False,
    sheet: str | Path | None = None,
) -> dict[str, Any]:
    """Writes the log-density of each picture under the flow of a run; see `log_probs`.

    Arguments:
        folder: The folder of the run.
        data: Picture files, or one data set, of which both splits are scored.
        path: The file: ``.csv`` with the columns image, log_prob in nats and bits_per_dim, or ``.npy`` with the
            log_prob alone and the names beside it, in ``NAME.images.csv``.
        draws: The number of draws of dequantization noise.
        seed: The seed of the noise.
        batch_size: The number of images at a time.
        reading: How the data set is read; size and bits are those of the run if not given.
        sort: Whether the least likely come first; otherwise they are in the order of the data.
        sheet: A PNG file of the least likely ones, or nothing.

    Returns:
        What was done, with the five least likely pictures.

    Raises:
        DataError: The pictures cannot be used, or a file to be written is one of them.
        ValueError: They do not fit the flow, or the file has another suffix.
    """
    folder, path = Path(folder), Path(path)
    _check_output(path, folder, data, reading.condition_on)
    if sheet is not None:
        refuse_inside(sheet, *data, reading.condition_on)
    flow = load_on_device(folder)
    images, context = _pictures(folder, flow, data, reading)
    scores = log_probs(flow, images, draws=draws, seed=seed, context=context, batch_size=batch_size)
    rows = _rows(images, scores, flow)
    unlikely = unlikely_first(scores)
    order = unlikely if sort else list(range(len(rows)))
    if path.suffix == ".csv":
        write_csv(path, [rows[i] for i in order])
    else:
        write_array(path, [scores[order].numpy()], (), np.float64)
        _write_names(path, [rows[i]["image"] for i in order])
    if sheet is not None:
        _write_sheet(Path(sheet), images[unlikely[:SHOWN]])
    finite = scores[scores.isfinite()]
    return {
        "images": len(images),
        "images_not_finite": len(scores) - len(finite),
        "mean_log_prob": finite.mean().item() if len(finite) else None,
        "least_likely": [rows[i]["image"] for i in unlikely[:5]],
        "least_likely_bits_per_dim": [_finite(rows[i]["bits_per_dim"]) for i in unlikely[:5]],
    }


def encode_pictures(
    folder: str | Path,
    data: Sequence[str],
    path: str | Path,
    *,
    seed: int = 0,
    batch_size: int = 100,
    reading: Reading = READ_AS_IT_IS,
) -> dict[str, Any]:
    """Writes the latents of each picture under the flow of a run, those that left the flow first in front.

    Every picture gets the same dequantization noise, as in `log_probs`, so that equal pictures have equal latents.

    Arguments:
        folder: The folder of the run.
        data: Picture files, or one data set, of which both splits are encoded.
        path: The file: ``.npy``, float32 :math:`(N, CHW)`, with the names beside it, in ``NAME.images.csv``; or
            ``.csv`` with a line for each image.
        seed: The seed of the noise.
        batch_size: The number of images at a time.
        reading: How the data set is read; size and bits are those of the run if not given.

    Returns:
        What was done.

    Raises:
        DataError: The pictures cannot be used, or a file to be written is one of them.
        ValueError: They do not fit the flow, or the file has another suffix.
    """
    folder, path = Path(folder), Path(path)
    _check_output(path, folder, data, reading.condition_on)
    flow = load_on_device(folder)
    images, context = _pictures(folder, flow, data, reading)
    names, width = _names(images), math.prod(flow.shape)
    batches = _latents(flow, images, context, seed, batch_size)
    if path.suffix == ".npy":
        write_array(path, batches, (width,), np.float32)
        _write_names(path, names)
    else:
        _write_latents(path, names, batches, width)
    return {"images": len(images), "latents_per_image": width}


def unlikely_first(scores: Tensor) -> list[int]:
    """The indices of scores, those that are not finite first, then the lowest."""
    return sorted(range(len(scores)), key=lambda i: (bool(scores[i].isfinite()), scores[i].nan_to_num().item()))


def _check_output(path: Path, folder: Path, data: Sequence[str], condition_on: str | None) -> None:
    if path.suffix not in (".csv", ".npy"):
        raise ValueError(f"{path} must end in .csv or .npy")
    if path.resolve() in [(folder / name).resolve() for name in KIND.files]:
        raise ValueError(f"{path} is a file of the run itself, and would be lost; give another name")
    refuse_inside(path, *data, condition_on)
    if path.suffix == ".npy":
        refuse_inside(_names_file(path), *data, condition_on)


def _pictures(folder: Path, flow: Flow, data: Sequence[str], given: Reading) -> tuple[Images, Tensor | None]:
    """The pictures as the flow takes them, and their context."""
    run = conditioned_on(read_run(folder), given.condition_on)
    reading = replace(given, size=given.size or run.size, bits=run.bits)
    if len(data) > 1 or is_named_as_picture(data[0]):
        images = read_pictures(list(map(Path, data)), flow.shape, flow.quantization, reading.size)
        if reading.condition_on is not None:
            images = with_maps_of(images, data, reading.condition_on, reading.size)
    else:
        images = read_as(data[0], None, reading)
    return images, context_of(run, images)


@torch.no_grad()
def _latents(
    flow: Flow, images: Images, context: Tensor | None, seed: int, batch_size: int
) -> Iterator[NDArray[np.float32]]:
    (noise,) = shared_noise(flow, 1, seed)
    for x, batch_context in dequantized(flow, images, noise, context, batch_size):
        yield encode_vectors(flow, x, batch_context).float().cpu().numpy()


def _names(images: Images) -> Sequence[str]:
    return images.names or [f"image {i}" for i in range(len(images))]


def _rows(images: Images, scores: Tensor, flow: Flow) -> list[dict[str, Any]]:
    bits = density_to_bits_per_dim(scores, flow.shape, flow.quantization)
    values = zip(_names(images), scores.tolist(), bits.tolist(), strict=True)
    return [{"image": name, "log_prob": score, "bits_per_dim": bit} for name, score, bit in values]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _write_names(path: Path, names: Sequence[str]) -> None:
    write_csv(_names_file(path), [{"image": name} for name in names])


def _names_file(path: Path) -> Path:
    return path.with_suffix(".images.csv")


def _write_latents(path: Path, names: Sequence[str], batches: Iterator[NDArray[np.float32]], width: int) -> None:
    with atomic_write(path, "w") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image", *(f"z{i}" for i in range(width))])
        vectors = (vector for batch in batches for vector in batch.tolist())
        table.writerows([as_cell(name), *vector] for name, vector in zip(names, vectors, strict=True))


def _write_sheet(path: Path, images: Images) -> None:
    write_picture(path, Picture(image_grid((images.pixels + 0.5) / images.quantization)))
