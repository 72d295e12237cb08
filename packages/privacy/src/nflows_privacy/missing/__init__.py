"""Signs that are missing: which sign a street scene asks for and lacks."""
