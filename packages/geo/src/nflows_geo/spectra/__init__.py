"""Spectra as arrays: blurred, scaled, whitened, in ratios, and their density. Nothing here knows of rasters.

`SpectralFlow` stands in `nflows_geo.spectra.density` alone, since it takes torch, which only some methods load.
"""

from nflows_geo.spectra.band_ratios import VEGETATION, are_reflectances, band_ratios, ndvi
from nflows_geo.spectra.blocks import as_block, spectra_at, valid_pixels
from nflows_geo.spectra.continuum import absorption_depths
from nflows_geo.spectra.neighbourhood import SURROUNDINGS, Sample, blur, margin, with_surroundings
from nflows_geo.spectra.scaling import PercentileScaling, refuse_constant_bands
from nflows_geo.spectra.whitening import Whitening, check_spectra

__all__ = [
    "SURROUNDINGS",
    "VEGETATION",
    "PercentileScaling",
    "Sample",
    "Whitening",
    "absorption_depths",
    "are_reflectances",
    "as_block",
    "band_ratios",
    "blur",
    "check_spectra",
    "margin",
    "ndvi",
    "refuse_constant_bands",
    "spectra_at",
    "valid_pixels",
    "with_surroundings",
]
