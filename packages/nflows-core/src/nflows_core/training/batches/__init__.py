"""What updates are made of: the data as one process draws them, each batch a pure function of the update."""
