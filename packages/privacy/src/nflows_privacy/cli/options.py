"""Options that commands of this package share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nflows_core.runtime.options import Number
from nflows_privacy.regions import FACE, PLATE

if TYPE_CHECKING:
    from nflows_privacy.detection import DetectorSettings


class Kinds(click.ParamType):  # type: ignore[type-arg]  # generic in recent versions only
    """Kinds of things, or classes of a table, separated by commas: their names may have spaces.

    Example:
        >>> Kinds().convert("face, priority road (other)", None, None)
        ('face', 'priority road (other)')
    """

    name = "kinds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        kinds = tuple(dict.fromkeys(name for part in str(value).split(",") if (name := part.strip())))
        if not kinds:
            self.fail("give one kind or more, such as face,plate", param, ctx)
        return kinds


what_option = click.option(
    "--what", "kinds", type=Kinds(), default=f"{FACE},{PLATE}", show_default=True, help="Kinds of things, by commas."
)
found_kinds_option = click.option(
    "--what",
    "kinds",
    type=Kinds(),
    help=f"Kinds of things, by commas.  [default: what a --detector RUN finds, else {FACE},{PLATE}]",
)
detector_option = click.option(
    "--detector",
    "detectors",
    multiple=True,
    metavar="NAME|RUN",
    help="A detector by its name, or a folder that train has left; several find together.  [default: by --what]",
)
threshold_option = click.option(
    "--threshold",
    type=Number(0, 1),
    help="The score from which on a thing counts.  [default: the detector's]",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="As torch names it; auto is the GPU if there is one."
)


turned_option = click.option(
    "--turned", is_flag=True, help="Look at pictures turned by 90, 180 and 270 degrees too, in four times the time."
)


def detector_settings(
    kinds: tuple[str, ...], detectors: tuple[str, ...], threshold: float | None, device: str, turned: bool = False
) -> DetectorSettings:
    """The detectors that a person asks for, all of which are there.

    Raises:
        ValueError: There is no such detector, or none for one of the kinds.
        CommandError: Weights cannot be had; exit code 3.
    """
    from nflows_privacy.detection import DetectorSettings, names_for, resolve

    return resolve(DetectorSettings(detectors or names_for(kinds), threshold, device, turned))
