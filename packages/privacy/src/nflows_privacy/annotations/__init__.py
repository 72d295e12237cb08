"""Boxes from files and into files: those of this package, and those of others."""
