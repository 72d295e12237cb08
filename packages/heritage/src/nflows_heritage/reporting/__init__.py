"""The sheet that goes into the file of a picture: before, after, what was changed, and how."""

from nflows_heritage.reporting.found import RestoredPicture, find_restored
from nflows_heritage.reporting.html import write_html
from nflows_heritage.reporting.pdf import write_pdf
from nflows_heritage.reporting.sheet_file import refuse_foreign_sheet

__all__ = ["RestoredPicture", "find_restored", "refuse_foreign_sheet", "write_html", "write_pdf"]
