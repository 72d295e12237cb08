"""Products in archives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nflows_geo.raster import archive_of, not_one, only_raster, resolved


def on_disk(path: Path, is_product: Callable[[Path], bool]) -> Path:
    """The path of what is read: of an archive, its one product, or its one raster, unpacked.

    Arguments:
        path: What a person gave; see `nflows_geo.raster.places`.
        is_product: Whether a folder is a product.

    Raises:
        FileNotFoundError: There is nothing.
        ArchiveError: The archive does not hold one of them; the message lists those that it holds.
    """
    place, archive = resolved(path), archive_of(path)
    if archive is None or not place.is_dir():
        return place
    products = [inner for inner in (place, *sorted(place.rglob("*"))) if inner.is_dir() and is_product(inner)]
    if len(products) > 1:
        raise not_one("product", products, place, archive)
    return products[0] if products else only_raster(place, archive)
