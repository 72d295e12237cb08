"""Pictures restored: never more than is asked for, and always with what was changed and how."""

from nflows_heritage.restoring.process import RestoreFiles
from nflows_heritage.restoring.settings import AUTO, LOSS, Restoration
from nflows_heritage.restoring.sheets import restored_sheets

__all__ = ["AUTO", "LOSS", "Restoration", "RestoreFiles", "restored_sheets"]
