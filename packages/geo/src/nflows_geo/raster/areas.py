r"""Areas on the ground: on the ellipsoid, whatever the coordinate reference system of a raster."""

from __future__ import annotations

from rasterio.crs import CRS

from nflows_geo.raster.grid import Grid


def equal_area_crs(grid: Grid) -> str:
    """Lambert's azimuthal equal-area projection about the middle of a grid, in metres.

    Source: Snyder, Map Projections: A Working Manual (USGS Professional Paper 1395, 1987), section 24.
    """
    from rasterio.warp import transform

    x, y = grid.place(grid.width / 2, grid.height / 2)
    (longitude,), (latitude,) = transform(grid.crs, CRS.from_epsg(4326), [x], [y])
    return f"+proj=laea +lat_0={latitude:.9f} +lon_0={longitude:.9f} +datum=WGS84 +units=m"


def pixel_area_km2(grid: Grid) -> float:
    """The area on the ground of the pixel in the middle of a grid."""
    import shapely
    from pyproj import Transformer

    column, row = grid.width // 2, grid.height // 2
    corners = [grid.place(column + i, row + j) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    project = Transformer.from_crs(grid.crs.to_wkt(), equal_area_crs(grid), always_xy=True).transform
    return float(shapely.Polygon([project(*corner) for corner in corners]).area / 1e6)
