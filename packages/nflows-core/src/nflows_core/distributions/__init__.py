"""Base distributions and dequantization."""
