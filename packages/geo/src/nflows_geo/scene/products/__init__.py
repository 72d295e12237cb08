"""What a path is: a product folder of a known sensor, or a raster."""

from __future__ import annotations

from pathlib import Path

from nflows_geo.scene.bands import Product, ProductError
from nflows_geo.scene.products import aster, landsat, sentinel2
from nflows_geo.scene.products.packed import on_disk
from nflows_geo.scene.products.raster import QUANTITY_TAG, read_raster

__all__ = ["QUANTITY_TAG", "read_product"]

_ARCHIVES = (".7z", ".bz2", ".rar", ".xz", ".zst")
"""Of those that are not read."""
_READERS = (
    (landsat.find_metadata, landsat.read_landsat),
    (sentinel2.find_metadata, sentinel2.read_sentinel2),
    (aster.find_files, aster.read_aster),
)


def read_product(path: Path, mask_clouds: bool = False) -> Product:
    """The bands at a path.

    Arguments:
        path: A product folder, its metadata file, or a raster; also one that an archive holds, a layer of a file, or an
            address. See `nflows_geo.raster.places`.
        mask_clouds: Leave out the clouds and shadows that the product's own mask shows.

    Raises:
        ProductError: It is nothing of the kind, or incomplete, or has no cloud mask.
        ArchiveError: It is an archive that does not hold one product, or one raster.
        FileNotFoundError: There is nothing.
    """
    path = on_disk(path, _is_product)
    if path.name.endswith(("_MTL.txt", "_MTL.json")) or path.name.startswith("MTD_MSIL"):
        path = path.parent
    if path.is_dir():
        return _read_folder(path, mask_clouds)
    if path.suffix.lower() in _ARCHIVES:
        raise ProductError(f"{path} is an archive; unpack it and give the folder")
    if mask_clouds:
        raise ProductError(f"{path} is a single raster without a cloud mask; leave `mask_clouds` out")
    return read_raster(path)


def _is_product(folder: Path) -> bool:
    return any(is_product(folder) for is_product, _ in _READERS)


def _read_folder(folder: Path, mask_clouds: bool) -> Product:
    for is_product, read in _READERS:
        if is_product(folder):
            return read(folder, mask_clouds)
    content = "is empty" if not any(folder.iterdir()) else "is no product that is known"
    raise ProductError(
        f"{folder} {content}; give a folder of Landsat 8 or 9 (*_MTL.txt), Sentinel-2 (MTD_MSIL*.xml) or\n"
        "ASTER L1T (AST_L1T_*.tif), or the rasters themselves"
    )
