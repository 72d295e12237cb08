"""What a folder of results says was filled, if `nflows privacy redact` made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nflows_core.runtime.foreign_text import parse_json
from nflows_core.runtime.ownership import STATUS_FILE, is_status_log
from nflows_privacy.regions import Region


def filled_in(after: Path) -> Mapping[Path, Sequence[Region]]:
    """The regions that were filled in each picture, as the log beside it says; of other programs' results, nothing.

    With them `redact` is held to its own word that nothing else changed, also where it fills what nobody finds here.

    Arguments:
        after: The folder, or one picture of it.

    Raises:
        OSError: The log cannot be read.
    """
    folder = after if after.is_dir() else after.parent
    log = folder / STATUS_FILE
    return {folder / name: regions for name, regions in _lines(log)} if is_status_log(log) else {}


def _lines(log: Path) -> Iterator[tuple[str, list[Region]]]:
    """The outputs and their regions; lines that tell of none, or are damaged, tell of nothing here."""
    with log.open("rb") as file:
        for line in file:
            try:
                match parse_json(line):
                    case {"output": str(name), "result": {"regions": list(regions)}}:
                        yield name, [Region.from_json(region) for region in regions]
            except ValueError:
                continue
