"""The sheet that goes into the file of a picture: before, after, what was changed, and how."""

from nflows_heritage.reporting.found import RestoredPicture, find_restored
from nflows_heritage.reporting.html import write_html
from nflows_heritage.reporting.pdf import write_pdf

__all__ = ["RestoredPicture", "find_restored", "write_html", "write_pdf"]
