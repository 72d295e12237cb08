"""Which crops a generator may see: those of the training side of a split, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from nflows_agri.crops.parts import parts_of
from nflows_core.data.images import DataError, Images
from nflows_core.data.labelled import read_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.data.split import belongs


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

    They are those from which a classifier of the same data learns: see `parts_of`.

    Arguments:
        data: A table of crops with its parts, as ``nflows agri split`` writes it, or a folder with one folder a class.
        side: The side of the square that each is scaled to.
        fold: Of a table of folds, the one that is held out.

    Raises:
        DataError: The table has no training part, or a class has fewer than 2 crops there.
        ValueError: There is no such fold, or it needs to be said.
    """
    files = parts_of(read_labelled(data), fold).train
    few = [(name, int((files.labels == number).sum())) for number, name in enumerate(files.classes)]
    if too_few := [(name, n) for name, n in few if n < 2]:
        name, n = too_few[0]
        raise DataError(
            f"{data}: the class {name} has {n} crop{'' if n == 1 else 's'} to learn from, and a generator needs 2 or "
            "more; give more, or leave the class out"
        )
    held = torch.tensor([belongs(file.item, "test") for file in files.files])
    return Crops(images_of(files, side), held)
