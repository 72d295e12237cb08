"""Styles by which QGIS draws a map and its polygons in the same colours and under the same names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import visible
from nflows_geo.figures import LegendUnit

_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_VERSION = "3.28.0"
"""The version of QGIS whose form of styles this is; later ones read it too."""
_OUTLINE = "60,60,60,255"
_OUTLINE_MM = "0.1"


def write_raster_style(path: Path, units: Sequence[LegendUnit]) -> None:
    """Writes the style of a map's raster, which QGIS takes if it is called as the raster, but ``.qml``."""
    with atomic_write(path, "w") as file:
        file.write(raster_style(units))


def raster_style(units: Sequence[LegendUnit]) -> str:
    """A palette with the colour and the name of each unit, as QML."""
    root = ElementTree.Element("qgis", version=_VERSION, styleCategories="Symbology")
    pipe = ElementTree.SubElement(root, "pipe")
    renderer = ElementTree.SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1", nodataColor=""
    )
    ElementTree.SubElement(renderer, "rasterTransparency")
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for unit in units:
        colour = "#{:02x}{:02x}{:02x}".format(*unit.colour)
        label = visible(unit.name)
        ElementTree.SubElement(palette, "paletteEntry", value=str(unit.number), color=colour, label=label, alpha="255")
    ElementTree.SubElement(pipe, "brightnesscontrast", brightness="0", contrast="0", gamma="1")
    ElementTree.SubElement(root, "blendMode").text = "0"
    return _text(root)


def polygon_style(units: Sequence[LegendUnit]) -> str:
    """A fill with the colour and the name of each unit by the column ``unit``, as QML."""
    root = ElementTree.Element("qgis", version=_VERSION, styleCategories="Symbology")
    renderer = ElementTree.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="unit", symbollevels="0", forceraster="0",
        enableorderby="0",
    )  # fmt: skip
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for index, unit in enumerate(units):
        ElementTree.SubElement(
            categories, "category", value=str(unit.number), type="long", symbol=str(index), label=visible(unit.name),
            render="true",
        )  # fmt: skip
        symbol = ElementTree.SubElement(symbols, "symbol", name=str(index), type="fill", alpha="1", clip_to_extent="1")
        layer = ElementTree.SubElement(symbol, "layer", {"class": "SimpleFill"}, enabled="1", locked="0")
        layer.set("pass", "0")
        options = ElementTree.SubElement(layer, "Option", type="Map")
        for name, value in _fill(unit).items():
            ElementTree.SubElement(options, "Option", name=name, type="QString", value=value)
    ElementTree.SubElement(root, "blendMode").text = "0"
    return _text(root)


def _fill(unit: LegendUnit) -> dict[str, str]:
    return {
        "color": "{},{},{},255".format(*unit.colour),
        "style": "solid",
        "outline_color": _OUTLINE,
        "outline_style": "solid",
        "outline_width": _OUTLINE_MM,
        "outline_width_unit": "MM",
    }


def _text(root: ElementTree.Element) -> str:
    ElementTree.indent(root, " ")
    return f"{_DOCTYPE}{ElementTree.tostring(root, encoding='unicode')}\n"
