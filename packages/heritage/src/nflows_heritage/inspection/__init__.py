"""What a picture suffers from, and how much."""

from nflows_heritage.inspection.inspector import FILE, SHIPPED, Findings, Inspector, load_inspector

__all__ = ["FILE", "SHIPPED", "Findings", "Inspector", "load_inspector"]
