"""What the tests of this package share."""

from made_up_art import run
from nflows_core.testing import data_folder

__all__ = ["data_folder", "run"]
