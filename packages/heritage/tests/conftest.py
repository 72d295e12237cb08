"""What the tests of this package share."""

from nflows_core.testing import data_folder

__all__ = ["data_folder"]
