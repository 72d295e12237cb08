"""Video files in and out, and regions linked over time."""
