"""What all pictures of a report have in common: resolution, legend, colours, and the same bytes each time."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from nflows_geo.figures.colours import unit_colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 160
BESIDE: dict[str, Any] = {
    "loc": "upper left", "bbox_to_anchor": (1.02, 1.0), "borderaxespad": 0, "frameon": False, "fontsize": 9,
}  # fmt: skip
"""Where a legend lies: to the right of the picture."""


def rgb(unit: int) -> tuple[float, float, float]:
    """The colour of a unit as matplotlib takes it, from 0 to 1."""
    red, green, blue = unit_colour(unit)
    return red / 255, green / 255, blue / 255


def png(figure: Figure) -> bytes:
    """A figure as a PNG file."""
    file = io.BytesIO()
    # Without the version of matplotlib in the file, the same picture is the same bytes.
    figure.savefig(file, format="png", dpi=_DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None})
    return file.getvalue()
