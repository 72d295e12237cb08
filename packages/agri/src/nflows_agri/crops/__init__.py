"""Data sets of crops: duplicates and conflicting labels found, and splits that keep photographs whole."""
