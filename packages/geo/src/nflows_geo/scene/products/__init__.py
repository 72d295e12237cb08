"""What a path is: a product folder of a known sensor, or a raster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from nflows_geo.scene.bands import Product, ProductError
from nflows_geo.scene.products import aster, landsat, sentinel2
from nflows_geo.scene.products.packed import on_disk
from nflows_geo.scene.products.raster import QUANTITY_TAG, read_raster

__all__ = ["QUANTITY_TAG", "read_product"]

_ARCHIVES = (".7z", ".bz2", ".rar", ".xz", ".zst")
"""Of those that are not read."""


class Kind(NamedTuple):
    """Products of a sensor: how the file is found by which each in a folder is known, and how it is read by that."""

    find: Callable[[Path], list[Path]]
    read: Callable[[Path, bool, Sequence[str]], Product]


_LANDSAT = Kind(landsat.find_metadata, landsat.read_landsat)
_SENTINEL2 = Kind(sentinel2.find_metadata, sentinel2.read_sentinel2)
_ASTER = Kind(aster.find_granules, aster.read_aster)
_KINDS = (_LANDSAT, _SENTINEL2, _ASTER)
_KNOWN = (
    "give a folder of Landsat 4, 5, 7, 8 or 9 (*_MTL.txt), Sentinel-2 (MTD_MSIL*.xml) or\n"
    "ASTER L1T (AST_L1T_*.tif), or the rasters themselves"
)


def read_product(path: Path, mask_clouds: bool = False, exclude: Sequence[str] = ()) -> Product:
    """The bands at a path.

    Arguments:
        path: A product folder, its metadata file, or a raster; also one that an archive holds, a layer of a file, or an
            address. See `nflows_geo.raster.places`.
        mask_clouds: Leave out the clouds and shadows that the product's own mask shows.
        exclude: Bands of a product that are left out, whether their files are there or not; a raster has all of its.

    Raises:
        ProductError: It is nothing of the kind, or incomplete, or several products, or has no cloud mask.
        ArchiveError: It is an archive that does not hold one product, or one raster.
        FileNotFoundError: There is nothing.
    """
    path = on_disk(path, lambda folder: bool(_products(folder)))
    if path.is_dir():
        kind, file = _only_product(path)
        return kind.read(file, mask_clouds, exclude)
    if path.name.endswith(("_MTL.txt", "_MTL.json")):
        return _LANDSAT.read(path, mask_clouds, exclude)
    if path.name in ("MTD_MSIL2A.xml", "MTD_MSIL1C.xml"):
        return _SENTINEL2.read(path, mask_clouds, exclude)
    if path.suffix.lower() in _ARCHIVES:
        raise ProductError(f"{path} is an archive; unpack it and give the folder")
    if mask_clouds:
        raise ProductError(f"{path} is a single raster without a cloud mask; leave `mask_clouds` out")
    return read_raster(path)


def _only_product(folder: Path) -> tuple[Kind, Path]:
    """The product in a folder, which must be one: two are of two days or places, and no scene together."""
    found = _products(folder)
    if len(found) > 1:
        names = ", ".join(file.name for _, file in found)
        named = "" if any(kind is _ASTER for kind, _ in found) else "name the file of the one that is meant, or "
        raise ProductError(
            f"{folder} holds {len(found)} products: {names}; a scene is one of them: {named}give each a folder of its "
            "own"
        )
    if not found:
        raise ProductError(f"{folder} {_content(folder)}")
    return found[0]


def _products(folder: Path) -> list[tuple[Kind, Path]]:
    return [(kind, file) for kind in _KINDS for file in kind.find(folder)]


def _content(folder: Path) -> str:
    """What a folder is that is no product, and what to do."""
    if not any(folder.iterdir()):
        return f"is empty; {_KNOWN}"
    inner = sorted(path.name for path in folder.iterdir() if path.is_dir() and _products(path))
    if inner:
        return f"is no product itself, but holds {', '.join(inner)}; give one of them"
    return f"is no product that is known; {_KNOWN}"
