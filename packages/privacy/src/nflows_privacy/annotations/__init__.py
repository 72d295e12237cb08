"""What people and detectors have marked, in files: our own, and those of data sets."""
