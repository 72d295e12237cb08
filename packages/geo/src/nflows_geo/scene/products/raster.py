"""Any raster, as far as it describes itself."""

from __future__ import annotations

import math
from pathlib import Path

from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from nflows_geo.raster import open_raster
from nflows_geo.scene.bands import Band, Product

QUANTITY_TAG = "QUANTITY"
"""The tag by which a raster that we wrote says what its values are."""

_NANOMETRES = {"nanometers": 1.0, "nm": 1.0, "micrometers": 1000.0, "microns": 1000.0, "um": 1000.0, "µm": 1000.0}


def read_raster(path: Path) -> Product:
    """Every layer of a raster as a band, called by its description, by the file if it is alone, or by its number.

    Scale, offset and centre wavelength are those of its metadata (GDAL's domain IMAGERY, or ENVI's ``wavelength``).
    """
    with open_raster(path) as dataset:
        names = _names(path, dataset)
        bands = [
            Band(
                name,
                path,
                index,
                wavelength_nm=_wavelength(dataset, index),
                scale=dataset.scales[index - 1],
                offset=dataset.offsets[index - 1],
                invalid=_nodata(dataset, index),
            )
            for index, name in enumerate(names, 1)
            if dataset.colorinterp[index - 1] != ColorInterp.alpha
        ]
        quantity = dataset.tags().get(QUANTITY_TAG, "values of the file")
    return Product(path.name, quantity, bands, registered=False)


def _names(path: Path, dataset: DatasetReader) -> list[str]:
    names = [text or str(index) for index, text in enumerate(dataset.descriptions, 1)]
    if dataset.count == 1 and not dataset.descriptions[0]:
        return [path.stem]
    return names


def _wavelength(dataset: DatasetReader, index: int) -> float | None:
    """The centre of a band in nm, if the file says it."""
    if text := dataset.tags(index, ns="IMAGERY").get("CENTRAL_WAVELENGTH_UM"):
        return round(float(text) * 1000, 3)
    tags = dataset.tags(index)
    factor = _NANOMETRES.get(tags.get("wavelength_units", "").lower())
    return round(float(tags["wavelength"]) * factor, 3) if factor and "wavelength" in tags else None


def _nodata(dataset: DatasetReader, index: int) -> tuple[float, ...]:
    """NaN needs no name: it is never a value."""
    nodata = dataset.nodatavals[index - 1]
    return () if nodata is None or math.isnan(nodata) else (nodata,)
