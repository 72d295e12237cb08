"""What files hold beside their pixels, found by walking through their parts; no decoder of pixels is asked."""

from nflows_core.runtime.images.finding.find import find
from nflows_core.runtime.images.finding.found import Found

__all__ = ["Found", "find"]
