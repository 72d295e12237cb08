"""The options of a command that makes of pictures others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_core.runtime.batch import inputs_argument, output_option, skip_existing_option
from nflows_core.runtime.cli import json_option
from nflows_core.runtime.options import dask_option, seed_option

if TYPE_CHECKING:
    from nflows_core.runtime.images import Policy
    from nflows_core.runtime.jobs import Batch
    from nflows_core.runtime.pictures.work import Writing

POLICY_NAMES = ("keep", "strip-gps", "strip-private", "strip")
"""Named here too, so that help need not load what they are of; a test compares them."""
SAME = "same"
EXACT = "exact"
"""The format of the input where it loses nothing, else PNG."""
FORMATS = {
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "webp": (".webp",),
}
"""Formats that are written, and the suffixes of their files; a file of another format gets the first."""
LOSSLESS = frozenset((*FORMATS["png"], *FORMATS["tiff"]))
"""The suffixes of formats that have no quality."""
_WRITTEN = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)
READ = frozenset((*_WRITTEN, ".bmp", ".gif"))
"""The suffixes of the pictures that folders are searched for."""


@dataclass(frozen=True)
class PictureOptions:
    """What a person says of the pictures of a command, whatever is done with them.

    Arguments:
        inputs: The files and folders.
        output: The folder of the results, or the name of the only one.
        skip_existing: Whether what an earlier run has done is left out.
        dask: The address of a Dask scheduler.
        metadata: What of the metadata goes into the new files.
        format: A key of `FORMATS`, `SAME` or `EXACT`.
        quality: The quality of JPEG and WebP.
        seed: The seed of everything random.
        others: The suffixes of files that are taken besides, with those of their results.
    """

    inputs: tuple[Path, ...]
    output: Path
    skip_existing: bool
    dask: str | None
    metadata: Policy
    format: str
    quality: int | None
    seed: int = 0
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def suffixes(self) -> frozenset[str]:
        """The suffixes of the pictures that folders are searched for."""
        return READ | self.others.keys()

    def writing(self, batch: Batch) -> Writing:
        """How the pictures are written."""
        from nflows_core.runtime.pictures.work import Writing

        return Writing(self.seed, self.metadata, self.quality, batch.jobs[0].beside)

    @property
    def target_suffix(self) -> Mapping[str, str]:
        """The suffixes of the results by those of the inputs, as `nflows_core.runtime.jobs.plan_batch` takes them."""
        kept = {SAME: _WRITTEN, EXACT: tuple(LOSSLESS)}.get(self.format) or FORMATS[self.format]
        default = FORMATS.get(self.format, FORMATS["png"])[0]
        return {"": default, **{suffix: suffix for suffix in kept}, **self.others}


def picture_options(
    metadata: Policy, *, is_random: bool = False, format: str = SAME, others: Mapping[str, str] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a command the options of pictures, and its function one argument more: ``pictures``, `PictureOptions`.

    Arguments:
        metadata: The policy if a person names none.
        is_random: Whether the work draws anything, so that there is a ``--seed``.
        format: The format if a person names none.
        others: The suffixes of files that are no pictures and are taken too, with those of their results.
    """
    policies = click.Choice(POLICY_NAMES)
    formats = click.Choice([SAME, EXACT, *FORMATS])
    options = [
        inputs_argument,
        output_option,
        skip_existing_option,
        click.option(
            "--metadata", type=policies, default=metadata, show_default=True, help="What of it goes into the new files."
        ),
        click.option(
            "--format",
            type=formats,
            default=format,
            show_default=True,
            help="same: that of the input where it is written, else PNG; exact: that of the input if it is PNG or TIFF,"
            " else PNG. Only these two need never be in memory as a whole.",
        ),
        click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG, 95 by default; of WebP, exact without."),
        *([seed_option] if is_random else []),
        dask_option,
        json_option,
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        names = PictureOptions.__dataclass_fields__

        @wraps(function)
        def command(**values: Any) -> Any:
            shared = {name: values.pop(name) for name in names if name in values}
            return function(pictures=PictureOptions(**shared, others=others or {}), **values)

        for option in reversed(options):
            command = option(command)
        return command

    return decorate
