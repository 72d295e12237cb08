"""From picture file to picture file: pixels to tiles, through an engine, and back."""
