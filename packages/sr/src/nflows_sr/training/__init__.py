"""What is trained, for the engine of nflows-core, and the run folders that a training leaves."""
