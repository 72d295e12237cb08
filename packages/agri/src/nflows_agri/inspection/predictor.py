"""A trained classifier as commands use it: a run folder, or the ONNX file that was made of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_agri.inspection.runs import read_run
from nflows_agri.inspection.settings import CropClassifierSettings
from nflows_agri.unknown import load as load_unknown
from nflows_core.classification.runs import load_network
from nflows_core.classification.testing import Counts
from nflows_core.classifiers import probabilities_of
from nflows_core.runs.kind import WEIGHTS_FILE, weights_file
from nflows_core.runtime.devices import find_device
from nflows_core.runtime.files import sha256
from nflows_core.runtime.foreign_text import parse_json, read_json, to_json

METADATA = "nflows_agri"
"""The entry of an ONNX file's metadata that says what it tells apart."""
_REPORT = "report.json"
_EXTRA = "pip install 'nflows-agri[onnx]'"


class FindsUnknown(Protocol):
    """Finds crops that are like none of the training."""

    @property
    def side(self) -> int:
        """The side of the squares that it takes."""

    def scores(self, images: Tensor) -> Tensor:
        """How familiar squares in bytes are, :math:`(N, 3, S, S)` to :math:`(N,)`: low ones are unknown."""

    def is_unknown(self, scores: Tensor) -> Tensor:
        """Whether crops of these scores are put aside."""


@dataclass(frozen=True)
class Predictor:
    """What tells crops apart.

    Arguments:
        classes: The names of the K classes.
        side: The side of the squares that it takes, in pixels.
        pure: The classes that are pure seed, as far as they were named.
        tested: The confusion matrix of its test, :math:`(K, K)`, if it was tested; without what it put aside.
        weights: The file of its weights.
        compute: Gives the probabilities :math:`(N, K)` of squares in bytes, :math:`(N, 3, S, S)`.
        unknown: Finds crops whose class nobody can tell, if a run has it.
    """

    classes: tuple[str, ...]
    side: int
    pure: tuple[str, ...]
    tested: Counts | None
    weights: Path
    compute: Callable[[Tensor], NDArray[np.float64]]
    unknown: FindsUnknown | None = None

    def description(self) -> str:
        """What an ONNX file says of it, as JSON."""
        tested = None if self.tested is None else self.tested.tolist()
        return to_json({"classes": self.classes, "side": self.side, "pure": self.pure, "confusion": tested})


def load_predictor(place: Path, device: str = "auto") -> Predictor:
    """The classifier of a run folder, or of an ONNX file.

    Arguments:
        place: The folder or the file.
        device: The device, as torch names it; an ONNX file is computed on the CPU.

    Raises:
        RunError: The folder is no run, or nothing was trained yet.
        ValueError: The file is no such network.
        ModuleNotFoundError: An ONNX file needs onnxruntime.
    """
    return _from_run(place, device) if place.is_dir() else _from_onnx(place)


def _from_run(folder: Path, device: str) -> Predictor:
    run = read_run(folder)
    network = load_network(folder, run).to(find_device(device))
    settings, unknown = run.settings, load_unknown(folder)
    return Predictor(
        settings.classes,
        settings.size,
        settings.pure,
        confusion_of(folder, settings, "tested" if unknown is None else "tested_kept"),
        weights_file(folder),
        lambda pixels: probabilities_of(network, pixels).double().numpy(),
        unknown,
    )


def confusion_of(folder: Path, settings: CropClassifierSettings, name: str = "tested") -> Counts | None:
    """A confusion matrix in a run's report, if that is of the weights that are there now.

    Arguments:
        folder: The folder of the run.
        settings: The classifier's settings.
        name: ``tested`` for all test crops, ``tested_kept`` for those that were not put aside.
    """
    path, weights = folder / _REPORT, folder / WEIGHTS_FILE
    if not path.is_file() or not weights.is_file():
        return None
    match read_json(path):
        case {"inputs": {"weights": {"sha256": str(digest)}}, **rest} if digest == sha256(weights):
            found = rest.get(name)
            rows = found.get("confusion") if isinstance(found, dict) else None
            return _counts(rows, len(settings.classes))
    return None


def _counts(rows: Any, classes: int) -> Counts | None:
    """Counts that somebody wrote, if they can be a confusion matrix."""
    if rows is None:
        return None
    counts = np.asarray(rows)
    if counts.shape != (classes, classes) or counts.dtype.kind != "i" or (counts < 0).any():
        raise ValueError(f"a confusion matrix of {classes} classes has as many rows of counts; got {counts.shape}")
    return counts.astype(np.int64)


def _from_onnx(path: Path) -> Predictor:
    try:
        runtime = import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{path} needs onnxruntime: {_EXTRA}") from error
    if not path.is_file():
        raise ValueError(f"{path}: no such run or file; give the folder that train wrote, or the file of export")
    try:
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        said = session.get_modelmeta().custom_metadata_map.get(METADATA)
    except Exception as error:  # onnxruntime has an exception of its own for each status, and no base
        raise ValueError(f"{path} is no ONNX network: {str(error).splitlines()[0]}") from error
    if said is None:
        raise ValueError(f"{path} is an ONNX network that nflows agri export did not write; give one that it did")
    classes, side, pure, tested = _said(path, said)

    def compute(pixels: Tensor) -> NDArray[np.float64]:
        parts = [session.run(None, {"pixels": part.numpy()})[0] for part in torch.split(pixels, 128)]
        return np.concatenate(parts).astype(np.float64)

    return Predictor(classes, side, pure, tested, path, compute)


def _said(path: Path, text: str) -> tuple[tuple[str, ...], int, tuple[str, ...], Counts | None]:
    try:
        match parse_json(text):
            case {"classes": [*classes], "side": int(side), "pure": [*pure], "confusion": tested} if all(
                isinstance(name, str) for name in (*classes, *pure)
            ):
                settings = CropClassifierSettings(tuple(classes), size=side, pure=tuple(pure))
                return settings.classes, side, settings.pure, _counts(tested, len(classes))
    except ValueError as error:
        raise ValueError(f"{path}: what it says of itself makes no sense: {error}") from error
    raise ValueError(f"{path}: does not say which classes it tells apart; export it again")
