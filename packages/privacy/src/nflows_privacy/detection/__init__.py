"""Detectors, each chosen by its name."""
