"""The tags that say where a raster is from."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from nflows_geo.scene.scene import Scene

PACKAGES = ("nflows-geo", "rasterio", "scikit-learn")
"""The packages whose versions decide the numbers of a report, beside those of nflows-core."""


def provenance(scene: Scene, method: str, seed: int | None = None) -> dict[str, str]:
    """Tags of a raster that was made from a scene: method, seed, version and the digest of the inputs."""
    tags = {"METHOD": method, "SOFTWARE": f"nflows-geo {_version()}", "INPUT_SHA256": scene.sha256()}
    return tags if seed is None else tags | {"SEED": str(seed)}


def _version() -> str:
    try:
        return version("nflows-geo")
    except PackageNotFoundError:
        return "(not installed)"
