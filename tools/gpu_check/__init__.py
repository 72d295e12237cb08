"""What is to be seen of this repository on a GPU, in eight minutes at most, on a machine that can fetch nothing."""
