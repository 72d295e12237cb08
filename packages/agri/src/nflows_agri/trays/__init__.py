"""From the photograph of a tray to its seeds: found without labels or training, told apart, measured."""

from nflows_agri.trays.channels import Channel
from nflows_agri.trays.measuring import measured
from nflows_agri.trays.photographs import read_photograph
from nflows_agri.trays.plausibility import doubt
from nflows_agri.trays.segmenting import Segmentation, segment

__all__ = ["Channel", "Segmentation", "doubt", "measured", "read_photograph", "segment"]
