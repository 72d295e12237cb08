"""Base distributions and dequantization."""

from nflows_core.distributions.dequantization import dequantize, quantize

__all__ = ["dequantize", "quantize"]
