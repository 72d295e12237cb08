"""Multi-scale image flows that train without NaNs, invert exactly and sample in milliseconds."""

__version__ = "0.1.0"
