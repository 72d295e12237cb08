"""The report of a command: one file for programs, one for people."""

from __future__ import annotations

import csv
import errno
import math
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

from nflows_core.runtime.curve import Curve
from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.foreign_text import as_cell, from_cell, to_json
from nflows_core.runtime.lazy import LazySequence, SortedMapping
from nflows_core.runtime.ownership import is_ours
from nflows_core.runtime.page import Sheet, Table, render_page

REPORT_FILES = ("report.json", "report.html")
_PACKAGES = ("torch", "numpy", "invconv", "nflows_core")


def write_report(
    folder: str | Path,
    title: str,
    report: Mapping[str, object],
    *,
    seed: int | None = None,
    inputs: Mapping[str, str | Path] | None = None,
    digests: Mapping[str, str] | None = None,
    tables: Sequence[Table] = (),
    curves: Sequence[Curve] = (),
    pictures: Mapping[str, str | Path | bytes] | None = None,
    sheets: Sequence[Sheet] = (),
    packages: Sequence[str] = (),
) -> dict[str, Any]:
    """Writes ``report.json`` and ``report.html`` into a folder, which is made if it is missing.

    Arguments:
        folder: The folder of both files.
        title: The headline for people.
        report: The numbers by plain words with units; mappings in it hold settings.
        seed: The seed of everything random in what is reported.
        inputs: The files and folders that the numbers depend on, by name; their SHA-256 goes into the report.
        digests: The SHA-256 of inputs that are known already, by name; they need not be among ``inputs``.
        tables: The tables, written to both files.
        curves: The charts, for people only.
        pictures: PNG files, or their bytes, by caption; they become part of the HTML file.
        sheets: The sheets of small pictures, which become part of the HTML file.
        packages: The further packages whose versions decide the numbers, by the names of their distributions.

    Returns:
        The content of ``report.json``: ``report`` with title, seed, tables, inputs, versions and machine. Rows and
        digests that are made when they are asked for stay so, and are written one by one.

    Raises:
        ValueError: A number is not finite, a picture is no PNG, or ``report`` has a key that is added here.
        TypeError: A value is of no type that JSON has.
        FileExistsError: The folder has a report that is not ours.
        OSError: A file cannot be read or written.
    """
    complete = complete_report(
        title, report, seed=seed, inputs=inputs, digests=digests, tables=tables, packages=packages
    )
    page = render_page(complete, tables, curves, pictures or {}, sheets)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_foreign_report(folder)
    # First the one by which the folder is known to be ours.
    for name, pieces in ((REPORT_FILES[0], report_json(complete)), (REPORT_FILES[1], [page])):
        with atomic_write(folder / name, "w") as file:
            file.writelines(pieces)
    return complete


def complete_report(
    title: str,
    report: Mapping[str, object],
    *,
    seed: int | None = None,
    inputs: Mapping[str, str | Path] | None = None,
    digests: Mapping[str, str] | None = None,
    tables: Sequence[Table] = (),
    packages: Sequence[str] = (),
) -> dict[str, Any]:
    """The content of ``report.json``; see `write_report`."""
    added = {
        "title": title,
        "seed": seed,
        "tables": {table.caption: table.rows for table in tables},
        "inputs": digested(inputs or {}, digests),
        "versions": versions(packages),
        "machine": machine(),
    }
    if taken := sorted(added.keys() & report.keys()):
        raise ValueError(f"the report must not have the key {taken[0]!r}, which is added to every report")
    complete: dict[str, Any] = _plain({**report, **added}, "")
    return complete


def digested(
    files: Mapping[str, str | Path], digests: Mapping[str, str] | None = None
) -> Mapping[str, Mapping[str, str]]:
    """The SHA-256 of files and folders by their names, as reports have it; those that are known are not read again."""
    known = digests or {}
    if isinstance(known, SortedMapping) and not files:
        return known.map(_digest)
    return {name: _digest(known.get(name) or sha256(files[name])) for name in {**files, **known}}


def report_json(report: Mapping[str, Any]) -> Iterator[str]:
    """The text of ``report.json``, in pieces."""
    yield from _json(report, "\n")
    yield "\n"


def write_csv(path: str | Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Writes a table for programs, whole or not at all.

    Arguments:
        path: The file to write.
        rows: The rows, at least one, with the same columns; a list in a cell is written as JSON, nothing as an empty
            cell, and a text that a spreadsheet would take for a formula as `as_cell` says.

    Raises:
        ValueError: There is no row.
        OSError: The file cannot be written.
    """
    rows = iter(rows)
    if (first := next(rows, None)) is None:
        raise ValueError("`rows`: a table has at least one")
    with atomic_write(path, "w") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(map(_cell, first))
        table.writerows([_cell(row[key]) for key in first] for row in chain([first], rows))


def read_csv(path: str | Path) -> list[dict[str, str]]:
    """The rows of a table that `write_csv` wrote, with every text as it was.

    Raises:
        OSError: The file cannot be read.
    """
    with Path(path).open(encoding="utf-8", newline="") as file:
        return [{from_cell(key): from_cell(cell) for key, cell in row.items()} for row in csv.DictReader(file)]


def versions(packages: Sequence[str] = ()) -> dict[str, str | None]:
    """Versions of Python, of the packages that decide numbers, and of others; nothing for one that is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in (*_PACKAGES, *packages)}}


def machine() -> dict[str, str | int | None]:
    """What the numbers were measured on."""
    return {
        "cpu_count": os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cell(value: object) -> object:
    if isinstance(value, list):
        return to_json(value)
    return as_cell(value) if isinstance(value, str) else value


def _refuse_foreign_report(folder: Path) -> None:
    if is_ours(folder):
        return
    if found := next((path for path in (folder / name for name in REPORT_FILES) if path.exists()), None):
        raise FileExistsError(errno.EEXIST, "is no report of ours; move it, or choose another folder", str(found))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name; on Linux Python's own answer is often empty."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _digest(sha256: str) -> dict[str, str]:
    return {"sha256": sha256}


def _plain(value: object, place: str) -> Any:
    """The value as JSON's own types; errors name its place."""
    if isinstance(value, (LazySequence, SortedMapping)):
        return value.map(partial(_plain, place=place))
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place.lstrip('.')} is {value}; a report holds finite numbers only")
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"{place.lstrip('.')} is a {type(value).__name__}; give a number, a word, or lists of these")


def _json(value: Any, line: str) -> Iterator[str]:
    """The pieces of a value's text, whose lines begin with ``line``: what is made when asked for is made one by one."""
    inner = f"{line}  "
    if isinstance(value, Mapping) and value:
        keys = value if isinstance(value, SortedMapping) else sorted(value)
        for number, key in enumerate(keys):
            yield f"{',' if number else '{'}{inner}{to_json(str(key))}: "
            yield from _json(value[key], inner)
        yield f"{line}}}"
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for number, item in enumerate(value):
            yield f"{',' if number else '['}{inner}"
            yield from _json(item, inner)
        yield f"{line}]"
    else:
        yield to_json(value)
