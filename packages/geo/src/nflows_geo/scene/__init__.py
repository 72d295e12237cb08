"""Scenes: product folders and rasters as bands on one grid, read in windows as values with NaN, and sampled."""

from nflows_geo.scene.bands import Band, Product, ProductError
from nflows_geo.scene.layers import RESAMPLINGS, Placed
from nflows_geo.scene.naming import find_bands
from nflows_geo.scene.opening import open_scene
from nflows_geo.scene.products import QUANTITY_TAG
from nflows_geo.scene.provenance import PACKAGES, provenance, refuse_inputs
from nflows_geo.scene.random_pixels import NoValidPixelError, sample_pixels
from nflows_geo.scene.sampling import FITTED, SCORED, draw_pixels, draw_sample, sample_spectra
from nflows_geo.scene.scene import BLOCK_SIZE, OpenScene, Scene, require_several_bands
from nflows_geo.scene.sensors import SENSORS

__all__ = [
    "BLOCK_SIZE",
    "FITTED",
    "PACKAGES",
    "QUANTITY_TAG",
    "RESAMPLINGS",
    "SCORED",
    "SENSORS",
    "Band",
    "NoValidPixelError",
    "OpenScene",
    "Placed",
    "Product",
    "ProductError",
    "Scene",
    "draw_pixels",
    "draw_sample",
    "find_bands",
    "open_scene",
    "provenance",
    "refuse_inputs",
    "require_several_bands",
    "sample_pixels",
    "sample_spectra",
]
