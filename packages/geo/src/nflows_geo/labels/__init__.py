"""What is known of the ground: classes of pixels, from rasters and points, on the grid of a scene."""

from nflows_geo.labels.labels import Labels, read_labels

__all__ = ["Labels", "read_labels"]
