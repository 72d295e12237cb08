"""Peak signal-to-noise ratio and structural similarity, as the field states them."""
