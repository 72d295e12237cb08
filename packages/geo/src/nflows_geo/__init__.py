"""Geological maps from multispectral scenes, without labels."""
