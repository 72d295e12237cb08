"""A local page on which a person adds, moves and deletes boxes."""

from nflows_privacy.review.pictures import Pictures
from nflows_privacy.review.redacting import Redacting
from nflows_privacy.review.server import review_routes

__all__ = ["Pictures", "Redacting", "review_routes"]
