r"""Trains a classifier of crops into a run folder, with made ones and with what finds strangers, if they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from nflows_agri.inspection.runs import Run, read_run
from nflows_agri.unknown import SIDE, UNKNOWN_FILE
from nflows_agri.unknown import fit as fit_unknown
from nflows_core.classification import experiment
from nflows_core.classifiers import Classifier
from nflows_core.data.labelled import LabelledFiles
from nflows_core.data.labelled_images import images_of
from nflows_core.data.parts import Parts
from nflows_core.training.loop import Progress


def train(
    run: Run, files: LabelledFiles, folder: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Classifier:
    """Trains a new classifier into a run folder; see `nflows_core.classification.train`.

    Raises:
        DataError: The crops cannot be used, or the folder lies in them.
        ValueError: The settings do not fit them, or they do not fill one update.
        FileExistsError: The folder has a run, or files that are not ours, or another training writes there.
    """
    run = replace(run, made=None if run.made is None else str(Path(run.made).absolute()))
    besides = _unknown_in(folder) if run.settings.unknown else None
    return experiment.train(run, files, folder, overwrite=overwrite, progress=progress, besides=besides)


def resume(folder: Path, data: Path, progress: Progress | None = None) -> Classifier:
    """Goes on with the run of a folder; see `nflows_core.classification.resume`.

    Raises:
        DataError: The crops are not those of the run.
        RunError: The folder is no run.
    """
    run = read_run(folder)
    lacks_unknown = run.settings.unknown and not (folder / UNKNOWN_FILE).exists()  # it was stopped before
    return experiment.resume(run, folder, data, progress, _unknown_in(folder) if lacks_unknown else None)


def _unknown_in(folder: Path) -> Callable[[Run, Parts], Callable[[], None]]:
    """Learns what finds crops that are like none of those that are learned from."""

    def learn(run: Run, parts: Parts) -> Callable[[], None]:
        pixels, labels = images_of(parts.train, SIDE).pixels, torch.from_numpy(parts.train.labels)
        unknown = fit_unknown(pixels, labels, parts.train.groups.tolist(), seed=run.training.seed)
        return lambda: unknown.save(folder)

    return learn
