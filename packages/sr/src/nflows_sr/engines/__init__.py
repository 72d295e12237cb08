"""What enlarges a tile: bicubic, our networks, and the models of others, chosen by a name or a path."""
