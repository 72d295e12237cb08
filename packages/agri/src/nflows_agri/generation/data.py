"""Which crops a generator may see: those of the training side of a split, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nflows_core.data.images import DataError, Images
from nflows_core.data.labelled import LabelledFiles, read_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.data.split import belongs

TRAIN = "train"


class Crops(NamedTuple):
    """The crops of a training.

    Arguments:
        images: All of them.
        is_held_out: Whether a flow does not learn from it, and is tested on it instead, :math:`(N,)`: a tenth, by a
            hash of the names of the things that they show.
    """

    images: Images
    is_held_out: Tensor


def training_crops(data: str | Path, side: int, fold: str | None = None) -> Crops:
    """Reads the crops that a generator is trained on.

    Arguments:
        data: A table of crops with its parts, as ``nflows agri split`` writes it, or a folder with one folder a class.
        side: The side of the square that each is scaled to.
        fold: Of a table of folds, the one that is held out.

    Raises:
        DataError: There is no such fold, the table has no training part, or a class has fewer than 2 crops there.
    """
    files = training_files(read_labelled(data), fold)
    few = [(name, int((files.labels == number).sum())) for number, name in enumerate(files.classes)]
    if too_few := [(name, n) for name, n in few if n < 2]:
        name, n = too_few[0]
        raise DataError(
            f"{data}: the class {name} has {n} crop{'' if n == 1 else 's'} to learn from, and a generator needs 2 or "
            "more; give more, or leave the class out"
        )
    held = torch.tensor([belongs(file.item, "test") for file in files.files])
    return Crops(images_of(files, side), held)


def training_files(files: LabelledFiles, fold: str | None = None) -> LabelledFiles:
    """The files of the training side; all, where there are no parts.

    Raises:
        DataError: The parts and ``fold`` do not fit each other, or nothing is left.
    """
    parts = sorted(set(files.parts.tolist()))
    if fold is None and parts == [""]:
        return files
    if fold is None and TRAIN in parts:
        return files.select(files.parts == TRAIN)
    if fold is None or fold not in parts:
        known = ", ".join(part or "none" for part in parts)
        advice = "leave `fold` out" if TRAIN in parts or parts == [""] else "say by `fold` which of them is held out"
        raise DataError(f"{files.root}: the parts are {known}, and `fold` is {fold}; {advice}")
    return files.select(np.isin(files.parts, ["", fold], invert=True))
