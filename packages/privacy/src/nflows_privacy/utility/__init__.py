"""Whether models that are trained on redacted pictures are as good as those trained on the real ones."""
