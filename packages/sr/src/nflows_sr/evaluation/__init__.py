"""How well an engine enlarges: scores of pictures, and tables beside published ones."""
