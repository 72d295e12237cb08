"""What a picture file says beside its pixels, and what of it a policy lets through."""

from nflows_core.runtime.images.metadata.metadata import Metadata
from nflows_core.runtime.images.metadata.policy import POLICIES, Policy

__all__ = ["POLICIES", "Metadata", "Policy"]
