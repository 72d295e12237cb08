"""Options that commands of this package share."""

from __future__ import annotations

from typing import Any

import click


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


device_option = click.option(
    "--device", default="auto", show_default=True, help="As torch names it; auto is the GPU if there is one."
)
