"""A detector of boxes, trained on a table of them."""
