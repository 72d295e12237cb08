"""The networks that restore."""

from nflows_heritage.networks.restorer import Restorer

__all__ = ["Restorer"]
