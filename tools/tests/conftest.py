"""What the tests of the tools share."""

from missing_signs_learned import learned

from nflows_core.testing import data_folder

__all__ = ["data_folder", "learned"]
