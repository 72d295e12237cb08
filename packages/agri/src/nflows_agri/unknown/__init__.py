"""Crops of no class that was trained: how likely a flow finds their features."""
