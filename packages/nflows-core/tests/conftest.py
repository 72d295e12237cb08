"""What the tests of this package share."""

from __future__ import annotations

from pathlib import Path

import pytest

from nflows_core.cli import nflows
from nflows_core.testing import call_command, data_folder

__all__ = ["data_folder"]

TINY = ("--levels", "1", "--depth", "1", "--width", "4", "--epochs", "1", "--batch-size", "50")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that learned digits for one epoch; a test that writes into it copies it first."""
    folder = tmp_path_factory.mktemp("run") / "digits"
    assert call_command(nflows, "train", "digits", "-o", folder, *TINY) == 0
    return folder
