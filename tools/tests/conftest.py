"""What the tests of the tools share."""

from nflows_core.testing import data_folder

__all__ = ["data_folder"]
