"""What is said of a data set and of its split on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from nflows_agri.crops.checking import DataCheck
from nflows_agri.crops.splitting import By, Split
from nflows_core.runtime.text_table import table

_SHOWN = 20
_NAMED = 5
_WHOLE = ("Classes", "Pictures in two classes")


def check_words(check: DataCheck) -> str:
    """The tables of what was found, each conflict by its names, and what must be settled."""
    lines = []
    for one in check.tables():
        most = len(one.rows) if one.caption in _WHOLE else _SHOWN
        left = len(one.rows) - most
        lines += [f"{one.caption}:", table(one.rows[:most]), f"... and {left:,} more\n" if left > 0 else ""]
    return "\n".join([*lines, *check.notes, *check.problems])


def split_words(split: Split) -> str:
    """The parts as a table, and how near they come to what was asked."""
    photographs = ", ".join(f"{name} {count:,}" for name, count in split.report()["photographs"].items())
    lines = [table(split.table().rows), f"photographs: {photographs}"]
    return "\n".join([*lines, f"no share of a class is further than {split.largest_deviation:.1%} from what was asked"])


def warnings_of_split(check: DataCheck, split: Split, by: By) -> list[str]:
    """What a person must know of a split."""
    again = [f"{low} and {high} ({count})" for (low, high), count in check.duplicates.shared.items()]
    found = {
        **dict.fromkeys(check.notes, by == "photograph"),
        "split by file: photographs, duplicates and views of one thing lie in several parts, so that what is tested "
        "was trained on; take the numbers for what a leak feigns, and for nothing else. train refuses it unless each "
        "file is said to be a photograph of its own, by --group '(.*/.*)'": by == "file",
        f"photographs that show the same things stay together: {_first(again)}": by == "photograph" and bool(again),
        f"left out, their picture stands in another class too: {_first(split.dropped)}": bool(split.dropped),
        f"left out, cannot be read: {_first([f'{name} ({why})' for name, why in split.unreadable.items()])}": bool(
            split.unreadable
        ),
    }
    return [words for words, is_so in found.items() if is_so]


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else shown
