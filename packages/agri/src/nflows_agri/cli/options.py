"""Options that commands of this package share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nflows_core.data import LabelledFiles


class Names(click.ParamType):  # type: ignore[type-arg]  # generic in recent versions only
    """Names, separated by commas.

    Example:
        >>> Names().convert("pure, broken seed", None, None)
        ('pure', 'broken seed')
    """

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(name for word in str(value).split(",") if (name := word.strip())))


class Columns(click.ParamType):  # type: ignore[type-arg]  # generic in recent versions only
    """The names of a table's columns by what they are, as ``group=tile,item=tile``."""

    name = "columns"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        if isinstance(value, dict):
            return value
        pairs = [pair.partition("=") for pair in str(value).split(",")]
        if any(not (what.strip() and name.strip()) for what, _, name in pairs):
            self.fail(f"{value!r} says no columns; give some such as group=tile,item=tile", param, ctx)
        return {what.strip(): name.strip() for what, _, name in pairs}


device_option = click.option(
    "--device", default="auto", show_default=True, help="As torch names it; auto is the GPU if there is one."
)


def labelled_data(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the argument DATA and the options that say how it is read.

    Its function gets ``data``, which reads the labelled files when it is called.
    """

    @wraps(function)
    def command(data: Path, group: str | None, root: Path | None, columns: dict[str, str], **values: Any) -> Any:
        def read() -> LabelledFiles:
            from nflows_core.data import read_labelled

            return read_labelled(data, group, root, columns)

        return function(data=read, **values)

    options = [
        click.argument("data", type=click.Path(exists=True, path_type=Path)),
        click.option("--group", metavar="REGEX", help="Its first parenthesis is the photograph in a file's name."),
        click.option("--root", type=click.Path(file_okay=False, path_type=Path), help="Where a table's paths begin."),
        click.option(
            "--columns", type=Columns(), default={}, metavar="WHAT=NAME,...", help="Other names of a table's columns."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command
