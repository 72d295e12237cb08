"""The one engine by which everything is drawn tile by tile: on threads or a cluster, in bounded memory, in order."""

from nflows_geo.tiling.engine import Part, Run, Source, Tiling, Watch, gathered, unwatched
from nflows_geo.tiling.threads import one_thread

__all__ = ["Part", "Run", "Source", "Tiling", "Watch", "gathered", "one_thread", "unwatched"]
