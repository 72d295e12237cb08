"""What the numbers of pixels mean: ICC profiles, and those made of what PNG, TIFF, EXIF and BMP say without one."""
