"""Pictures as pairs of small and large crops."""
