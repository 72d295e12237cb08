"""What all pictures have in common: resolution, legend, letters, and the same bytes each time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nflows_geo.figures.colours import Colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 160
BESIDE: dict[str, Any] = {
    "loc": "upper left", "bbox_to_anchor": (1.02, 1.0), "borderaxespad": 0, "frameon": False, "fontsize": 9,
}  # fmt: skip
"""Where a legend lies: to the right of the picture."""
_SETTINGS: Any = {
    "text.parse_math": False,  # a name may have two dollar signs, and is no formula
    "svg.fonttype": "none",  # text stays text, which may be edited
    "svg.hashsalt": "nflows-geo",
    "pdf.fonttype": 42,
}


@contextmanager
def drawn_alike() -> Iterator[None]:
    """Figures that are made and saved within are the same whatever a person has set for matplotlib."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        # Names in letters that the font does not have are seen as boxes, and are text in the SVG.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def without_glyph(texts: Iterable[str]) -> str:
    """The letters of texts that the pictures show as boxes, since matplotlib's own font does not have them."""
    from matplotlib.font_manager import findfont, get_font

    with drawn_alike():
        known = get_font(findfont("DejaVu Sans")).get_charmap()
    return "".join(dict.fromkeys(letter for text in texts for letter in text if ord(letter) not in known))


def rgb(colour: Colour) -> tuple[float, float, float]:
    """A colour as matplotlib takes it, from 0 to 1."""
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


def png(figure: Figure) -> bytes:
    """A figure as a PNG file, with nothing around what is drawn."""
    # Without the version of matplotlib in the file, the same picture is the same bytes.
    return _saved(figure, format="png", dpi=_DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None})


def page_png(figure: Figure) -> bytes:
    """A figure as a PNG file, with all of its paper."""
    return _saved(figure, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})


def page_pdf(figure: Figure) -> bytes:
    """A figure as a PDF file, without date and program."""
    return _saved(figure, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def page_svg(figure: Figure) -> bytes:
    """A figure as an SVG file, without date and program."""
    return _saved(figure, format="svg", metadata={"Date": None, "Creator": None})


def _saved(figure: Figure, **settings: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, **settings)
    return file.getvalue()
