"""A local page on which a person adds, moves and deletes boxes."""
