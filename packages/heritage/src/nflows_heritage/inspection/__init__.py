"""What a picture suffers from, and how much."""

from nflows_heritage.inspection.inspector import Findings, Inspector, load_inspector

__all__ = ["Findings", "Inspector", "load_inspector"]
