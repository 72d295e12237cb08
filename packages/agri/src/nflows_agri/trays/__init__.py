"""Trays: photographs of many seeds, cut into one crop a seed."""
