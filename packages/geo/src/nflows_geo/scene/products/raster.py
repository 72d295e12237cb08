"""Any raster, as far as it describes itself."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from nflows_geo.raster import open_raster
from nflows_geo.scene.bands import Band, Product, ProductError
from nflows_geo.scene.layers import has_mask
from nflows_geo.scene.naming import unique
from nflows_geo.scene.products.wavelengths import wavelengths_nm

QUANTITY_TAG = "QUANTITY"
"""The tag by which a raster that we wrote says what its values are."""


def read_raster(path: Path) -> Product:
    """Every layer of a raster as a band, called by its description, by the file if it is alone, or by its number.

    Scale, offset and centre wavelength are those of its metadata (GDAL's domain IMAGERY, or ENVI's ``wavelength``,
    ``reflectance scale factor`` and list of bad bands, ``bbl``). Alpha bands are masks, and no bands.

    Raises:
        ProductError: Its numbers are complex.
    """
    with open_raster(path) as dataset:
        _refuse_complex(path, dataset)
        layers = [i for i, colour in enumerate(dataset.colorinterp, 1) if colour != ColorInterp.alpha]
        alpha = next((i for i, colour in enumerate(dataset.colorinterp, 1) if colour == ColorInterp.alpha), None)
        wavelengths, guessed = wavelengths_nm(dataset)
        good, unused = _good(dataset)
        factor = _reflectance_factor(dataset)
        bands = [
            Band(
                name,
                path,
                index,
                wavelength_nm=wavelengths[index - 1],
                scale=dataset.scales[index - 1] / factor,
                offset=dataset.offsets[index - 1] / factor,
                invalid=_nodata(dataset, index),
                alpha=alpha,
                says_nodata=alpha is not None or has_mask(dataset, index) or bool(_own_nodata(dataset, index)),
                bad=not good[index - 1],
                dtype=dataset.dtypes[index - 1],
            )
            for index, name in zip(layers, _names(path, dataset, layers), strict=True)
        ]
        quantity = dataset.tags().get(QUANTITY_TAG, "values of the file" if factor == 1 else "reflectance")
    notices = [f"{path.name}: {words}" for words in (guessed, unused) if words]
    return Product(path.name, quantity, bands, registered=False, notices=notices)


def _refuse_complex(path: Path, dataset: DatasetReader) -> None:
    if found := next((dtype for dtype in dataset.dtypes if dtype.startswith("complex")), None):
        raise ProductError(
            f"{path} has complex numbers ({found}), of which a map would see the real part alone; give their magnitude "
            "or intensity as a raster of its own"
        )


def _names(path: Path, dataset: DatasetReader, layers: Sequence[int]) -> list[str]:
    described = {index: (text or "").strip() for index, text in enumerate(dataset.descriptions, 1)}
    if len(layers) == 1 and not described[layers[0]]:
        return [path.stem]
    return unique([described[index] or str(index) for index in layers])


def _own_nodata(dataset: DatasetReader, index: int) -> tuple[float, ...]:
    """NaN needs no name: it is never a value."""
    nodata = dataset.nodatavals[index - 1]
    return () if nodata is None or math.isnan(nodata) else (nodata,)


def _nodata(dataset: DatasetReader, index: int) -> tuple[float, ...]:
    """What the file says; of int64 the lowest too: libraries write it as a float, and GDAL reads its first digit."""
    lowest = (float(np.iinfo(np.int64).min),) if dataset.dtypes[index - 1] == "int64" else ()
    return tuple(dict.fromkeys(_own_nodata(dataset, index) + lowest))


def _good(dataset: DatasetReader) -> tuple[list[bool], str]:
    """Whether each layer is to be used, by ENVI's list of bad bands; and what is to be said if that does not fit."""
    words = re.findall(r"[^\s{},]+", dataset.tags(ns="ENVI").get("bbl", ""))
    flags = [_number(word) for word in words]
    if not words:
        return [True] * dataset.count, ""
    if len(flags) != dataset.count or None in flags:
        listed = f"{len(flags)} entries, some of them no numbers" if None in flags else f"{len(flags)} entries"
        return [True] * dataset.count, f"its list of bad bands (bbl) has {listed}, for {dataset.count} bands; not used"
    return [flag != 0 for flag in flags], ""


def _reflectance_factor(dataset: DatasetReader) -> float:
    """ENVI's ``reflectance scale factor``: what values are divided by to be reflectance from 0 to 1."""
    factor = _number(dataset.tags(ns="ENVI").get("reflectance_scale_factor", ""))
    return factor if factor is not None and factor > 0 else 1.0


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
