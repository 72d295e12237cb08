"""Options that commands of several packages share, and the types of their values."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, ClassVar

import click


class OutputFile(click.Path):
    """A file to be written, whose suffix must say what it is.

    Arguments:
        suffixes: One or several, in small letters, as ``".tif"``.
    """

    def __init__(self, *suffixes: str) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if path.suffix.lower() not in self.suffixes:
            self.fail(f"{path} must end in {' or '.join(self.suffixes)}", param, ctx)
        return path


class Number(click.FloatRange):
    """A finite number in a range: to all comparisons of one with NaN click says yes.

    Example:
        >>> Number(0, 1).convert("0.5", None, None)
        0.5
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number", param, ctx)
        return number


class Memory(click.ParamType):  # type: ignore[type-arg]  # generic in recent versions only
    """So many bytes, as ``2GB`` or ``512MB``.

    Example:
        >>> Memory().convert("2GB", None, None), Memory().convert("1.5 GiB", None, None)
        (2000000000, 1610612736)
    """

    name = "memory"
    _UNITS: ClassVar = {"": 1, "MB": 10**6, "GB": 10**9, "MIB": 2**20, "GIB": 2**30}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        amount = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", str(value))
        if amount is None or amount[2].upper() not in self._UNITS:
            self.fail(f"{value!r} is no amount of memory; give one such as 2GB", param, ctx)
        return int(float(amount[1]) * self._UNITS[amount[2].upper()])


memory_option = click.option(
    "--memory", type=Memory(), default="2GB", show_default=True, help="That the program may take, whatever the input."
)
output_folder_option = click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="For the results."
)
# Beyond these, scikit-learn takes none.
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of everything random."
)
dask_option = click.option(
    "--dask", metavar="ADDRESS", help="Run on the Dask cluster of a scheduler, as tcp://host:8786, that sees the files."
)
