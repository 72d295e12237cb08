"""A classifier as one ONNX file that needs neither torch nor us, checked on crops before it gets its name."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nflows_agri.inspection.predictor import METADATA, Predictor, confusion_of, load_predictor
from nflows_agri.inspection.runs import read_run
from nflows_core.classification.runs import load_network
from nflows_core.classifiers import Classifier
from nflows_core.data.labelled_images import images_of
from nflows_core.runtime.files import atomic_write

TOLERANCE = 1e-4
"""The most by which a probability of the file may differ from that of torch."""
_CHECKED = 64
_EXTRA = "pip install 'nflows-agri[onnx]'"


class _Whole(nn.Module):
    """From pictures in bytes to probabilities."""

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network(pixels.float() / 255).softmax(1)  # type: ignore[no-any-return]


def export_run(folder: Path, path: Path) -> float:
    """Writes the classifier of a run as ONNX, checked on its own crops; see `export_onnx`.

    Raises:
        DataError: The crops of the run are not there.
    """
    run = read_run(folder)
    parts = run.parts(run.files())
    files = parts.test or parts.train
    chosen = files.select(np.linspace(0, len(files) - 1, min(len(files), _CHECKED)).astype(int))
    pixels = images_of(chosen, run.settings.size).pixels
    # The file puts nothing aside, so that it was tested on all crops.
    predictor = replace(load_predictor(folder, "cpu"), tested=confusion_of(folder, run.settings), unknown=None)
    return export_onnx(load_network(folder, run), predictor, path, pixels)


def export_onnx(network: Classifier, predictor: Predictor, path: Path, pixels: Tensor) -> float:
    """Writes a classifier as ONNX: from ``pixels``, uint8 :math:`(N, 3, S, S)`, to ``probabilities``, :math:`(N, K)`.

    Arguments:
        network: The classifier, in evaluation mode, on the CPU.
        predictor: What the file says of itself.
        path: The file.
        pixels: Real crops that the file must judge as torch does, at least two.

    Returns:
        The greatest difference of a probability.

    Raises:
        ModuleNotFoundError: A package is not installed.
        ValueError: The file judges the crops otherwise; nothing is written.
    """
    onnx, runtime = _import("onnx"), _import("onnxruntime")
    _import("onnxscript")
    whole = _Whole(network).eval()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of the exporter about itself
        batch = torch.export.Dim("batch", min=1)
        program: Any = torch.onnx.export(
            whole,
            (pixels[:2],),
            dynamo=True,
            verbose=False,
            input_names=["pixels"],
            output_names=["probabilities"],
            dynamic_shapes=({0: batch},),
        )
    model = program.model_proto
    onnx.helper.set_model_props(model, {METADATA: predictor.description()})
    content = model.SerializeToString()
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = whole(pixels).numpy()
    (found,) = session.run(None, {"pixels": pixels.numpy()})
    difference = float(np.abs(found - expected).max())
    if not difference <= TOLERANCE:
        raise ValueError(f"{path} was not written: ONNX judges crops otherwise than torch, by up to {difference:.2g}")
    with atomic_write(path) as file:
        file.write(content)
    return difference


def _import(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"an ONNX file needs {module}: {_EXTRA}") from error
