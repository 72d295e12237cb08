"""The parts of a set of crops: those that a split says, or those of a set that was checked first."""

from __future__ import annotations

from nflows_agri.crops.checking import check_data
from nflows_agri.crops.made import refuse_made
from nflows_agri.crops.splitting import make_split
from nflows_core.data import DataError
from nflows_core.data import parts as data_parts
from nflows_core.data.labelled import LabelledFiles
from nflows_core.data.parts import SHARES, Parts
from nflows_core.runtime.foreign_text import visible


def parts_of(files: LabelledFiles, fold: str | None = None) -> Parts:
    """The parts of real crops, as `nflows_core.data.parts.parts_of` says.

    Those that nobody has split are checked, and shared out by `make_split`. It is the same for all that are trained on
    these files, so that what a generator has learned from is no classifier's test.

    Arguments:
        files: The files.
        fold: The fold that is the test, if the files are split into folds.

    Raises:
        DataError: The crops were made, a class has fewer than two pictures or none to learn from, or a photograph is
            in two parts.
        ValueError: There are folds and none is chosen, or the other way round.
    """
    refuse_made(files.root)
    return data_parts.parts_of(files, fold, _shared_out, "split by nflows agri split")


def _shared_out(files: LabelledFiles) -> LabelledFiles:
    split = make_split(check_data(files), SHARES)
    if split.unreadable:
        name, why = next(iter(split.unreadable.items()))
        raise DataError(
            f"{files.root}: {len(split.unreadable)} files cannot be read, such as {visible(name)}: {why}. Mend them, "
            "or write a table by nflows agri split, which leaves them out"
        )
    return split.files
