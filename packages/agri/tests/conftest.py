"""What the tests of this package share."""

from generator_runs import flow, gan, split
from nflows_core.testing import data_folder

__all__ = ["data_folder", "flow", "gan", "split"]
