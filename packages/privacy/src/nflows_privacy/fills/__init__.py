"""What is put in the place of a region, each chosen by its name."""
